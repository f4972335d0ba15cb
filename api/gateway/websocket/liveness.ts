import { type Connection, cutOff } from './connection.ts';

/** How often peers are pinged, in milliseconds: one that is quiet from one to the next is dead. */
export const pingMs = 12_000;
/**
 * A ping waits behind what was sent before it. The slowest reader that is waited for takes so many bytes from one ping to the
 * next (32 KB a second); it is given another ping for each.
 */
const bytesPerPing = 393_216;

/** Pings a peer, or cuts it off where it has shown no sign of life for too long. */
export function ping(connection: Connection): void {
  const { socket, outbox, readBytes } = connection;
  const sent = outbox.writtenBytes();
  if (connection.silentPings > Math.floor((sent - readBytes) / bytesPerPing)) {
    cutOff(connection);
    return;
  }
  connection.silentPings++;
  connection.wasBlocked = outbox.isBlocked();
  socket.ping(String(sent));
}

/**
 * A pong says that its peer has read everything up to the ping whose data it repeats. Any other is a sign of life only where
 * nothing waits for the peer to read: one that does not read could send those for ever.
 */
export function heard(connection: Connection, data: Buffer): void {
  const { outbox, readBytes } = connection;
  const sent = outbox.writtenBytes();
  const read = Number(String(data));
  const isAnswer = data.length > 0 && read >= readBytes && read <= sent;
  if (!isAnswer && outbox.isBlocked()) return;
  connection.readBytes = isAnswer ? read : sent;
  connection.silentPings = 0;
}

/** Something has left the socket. What the kernel takes at once says nothing of the peer; what it took after a wait does. */
export function drained(connection: Connection): void {
  if (!connection.wasBlocked) return;
  connection.wasBlocked = false;
  connection.silentPings = 0;
}
