import type { IncomingMessage } from 'node:http';

/** What is kept of a connection for the operations on it. */
export interface Caller {
  address: string;
  userAgent: string;
}

/**
 * Who is calling.
 * @param trustProxy the last address of `X-Forwarded-For` is the client's: only behind one proxy that adds it
 */
export function readCaller(request: IncomingMessage, trustProxy: boolean): Caller {
  const forwarded = trustProxy ? request.headers['x-forwarded-for'] : undefined;
  const last = (Array.isArray(forwarded) ? forwarded.join() : (forwarded ?? '')).split(',').at(-1);
  return {
    address: last?.trim() || (request.socket.remoteAddress ?? 'unknown'),
    userAgent: request.headers['user-agent'] ?? '',
  };
}
