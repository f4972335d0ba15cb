import type { IncomingMessage, ServerResponse } from 'node:http';
import { hasBody } from './check-request.ts';

/** Number of looks at a body in the window of its rate. */
const looks = 10;

/** Bounds on the arrival of a request's body. */
export interface ArrivalBounds {
  /** Minimum rate in bytes per second, averaged over each window. */
  bytesPerSecond: number;
  /** Length of a window, in milliseconds. */
  windowMs: number;
  /** Milliseconds that the whole body may take; infinite: the rate is the only bound. */
  totalMs: number;
}

/**
 * Disconnects a client whose body arrives too slowly. A window in which the server left bytes unread does not count: then
 * it is the server that is slow.
 */
export function disconnectSlow(request: IncomingMessage, response: ServerResponse, bounds: ArrivalBounds): void {
  if (!hasBody(request.headers)) return;
  // `request.socket` is gone once the socket is closed.
  const { socket } = request;
  const { bytesPerSecond, windowMs, totalMs } = bounds;
  let left = Math.ceil((totalMs / windowMs) * looks);
  let look = 0;
  let before = socket.bytesRead;
  const timer = setInterval(() => {
    if (request.complete) return clearInterval(timer);
    if (--left <= 0) return void socket.destroy();
    if (request.readableLength > 0) return restart();
    if (++look < looks) return;
    if (socket.bytesRead - before < (bytesPerSecond * windowMs) / 1_000) socket.destroy();
    else restart();
  }, windowMs / looks);
  timer.unref();
  response.once('close', () => clearInterval(timer));

  function restart(): void {
    look = 0;
    before = socket.bytesRead;
  }
}
