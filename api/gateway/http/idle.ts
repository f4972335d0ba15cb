import type { IncomingMessage, ServerResponse } from 'node:http';
import { slowestBytesPerSecond } from '../request-limits.ts';

/** Node's own bound on requests, in milliseconds. */
const ordinaryMs = 300_000;

/** How long a request of at most so many bytes may take to come in, in milliseconds. */
export function longestRequestMs(maxBytes: number): number {
  return Math.max(ordinaryMs, Math.ceil((maxBytes / slowestBytesPerSecond) * 1_000));
}

/**
 * Cuts a client off that is silent in the middle of its request, or does not read its answer. What the server takes its time for, and a
 * stream in which nothing happens, is no fault of the client.
 * @param idleMs for how long, in milliseconds
 */
export function cutOffIdle(request: IncomingMessage, response: ServerResponse, idleMs: number): void {
  // The request forgets its socket once that has gone.
  const { socket } = request;
  response.setTimeout(idleMs, () => {
    if (isClientsTurn(request, response)) socket.destroy();
    else response.setTimeout(idleMs);
  });
}

/** What the client has sent and nobody has taken yet is the server's turn. */
function isClientsTurn(request: IncomingMessage, response: ServerResponse): boolean {
  const isSilent = !request.complete && request.readableLength === 0;
  return isSilent || response.writableLength > 0;
}
