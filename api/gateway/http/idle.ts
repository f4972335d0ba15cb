import type { IncomingMessage, ServerResponse } from 'node:http';

/**
 * Disconnects a client that stalls while it sends its request or reads the response. Time that the server takes, and a quiet
 * stream, do not count.
 * @param idleMs milliseconds without progress after which the client is disconnected
 */
export function disconnectStalled(request: IncomingMessage, response: ServerResponse, idleMs: number): void {
  // `request.socket` is gone once the socket is closed.
  const { socket } = request;
  response.setTimeout(idleMs, () => {
    if (isClientStalled(request, response)) socket.destroy();
    else response.setTimeout(idleMs);
  });
}

/** Bytes that arrived but were not read yet are for the server to read: then the client is not stalled. */
function isClientStalled(request: IncomingMessage, response: ServerResponse): boolean {
  const isSilent = !request.complete && request.readableLength === 0;
  return isSilent || response.writableLength > 0;
}
