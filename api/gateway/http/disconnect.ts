import type { Duplex } from 'node:stream';

/** Milliseconds that a peer has to read the last bytes of a connection. */
const lingerMs = 1_000;

/** Destroys a connection after a moment, in which its peer can read the last bytes, whether it closes its side or not. */
export function disconnectSoon(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once('close', () => clearTimeout(timer));
}
