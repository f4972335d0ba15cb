import type { WebSocket } from 'ws';
import { closeCodes } from './close-codes.ts';

/** Milliseconds that a refused peer has to read the close frame. */
const lingerMs = 1_000;
/** Maximum number of refused sockets that may read their close frame; further ones are cut at once. */
const maxLingering = 1_000;

/** Creates the closer of sockets for which there is no room. They count nowhere else, so they may not stay. */
export function createRefusals() {
  let lingering = 0;

  return function refuse(socket: WebSocket): void {
    if (lingering >= maxLingering) {
      socket.terminate();
      return;
    }
    lingering++;
    const timer = setTimeout(() => socket.terminate(), lingerMs).unref();
    socket.once('close', () => {
      clearTimeout(timer);
      lingering--;
    });
    socket.close(closeCodes.tryAgainLater, 'Try again later');
  };
}
