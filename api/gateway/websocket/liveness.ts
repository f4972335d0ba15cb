import type { WebSocket } from 'ws';
import { type Connection, send, terminate } from './connection.ts';
import { keepAlive } from './legacy-codec.ts';

/** Interval of pings, in milliseconds. A peer that shows no sign of life between two pings is dead. */
export const pingMs = 12_000;
/**
 * Bytes that the slowest tolerated reader (32 KB a second) reads between two pings. A ping queues behind the bytes sent
 * before it, so a peer may miss one more ping for each of these.
 */
const bytesPerPing = 393_216;

/**
 * Pings a peer, with a keep-alive message where its protocol needs one, or ends its connection if it has shown no sign of life
 * for too long.
 */
export function ping(connection: Connection<WebSocket>): void {
  const { socket, outbox, readBytes } = connection;
  const sent = outbox.writtenBytes();
  if (connection.silentPings > Math.floor((sent - readBytes) / bytesPerPing)) {
    terminate(connection);
    return;
  }
  if (connection.needsKeepAlive) void send(connection, keepAlive);
  connection.silentPings++;
  connection.wasBlocked = outbox.isBlocked();
  socket.ping(String(sent));
}

/**
 * Handles a pong. One that repeats the data of a ping proves that the peer has read everything sent before it. Any other
 * counts as a sign of life only while nothing is buffered: a peer that does not read could send such pongs for ever.
 */
export function onPong(connection: Connection, data: Buffer): void {
  const { outbox, readBytes } = connection;
  const sent = outbox.writtenBytes();
  const read = Number(String(data));
  const isEcho = data.length > 0 && read >= readBytes && read <= sent;
  if (!isEcho && outbox.isBlocked()) return;
  connection.readBytes = isEcho ? read : sent;
  connection.silentPings = 0;
}

/** Handles a drained socket: a sign of life only if bytes had been buffered, since the kernel accepts the first ones at once. */
export function onDrain(connection: Connection): void {
  if (!connection.wasBlocked) return;
  connection.wasBlocked = false;
  connection.silentPings = 0;
}
