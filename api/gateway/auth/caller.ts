import type { IncomingMessage } from 'node:http';

/** Facts about the client of a request or connection. */
export interface Caller {
  /** IP address of the client. */
  address: string;
  /** The `User-Agent` header; empty without one. */
  userAgent: string;
}

/**
 * Returns the client of a request.
 * @param trustProxy takes the last address of `X-Forwarded-For`: correct only behind one proxy that adds it
 */
export function readCaller(request: IncomingMessage, trustProxy: boolean): Caller {
  const forwarded = trustProxy ? request.headers['x-forwarded-for'] : undefined;
  const last = (Array.isArray(forwarded) ? forwarded.join() : (forwarded ?? '')).split(',').at(-1);
  return {
    address: last?.trim() || (request.socket.remoteAddress ?? 'unknown'),
    userAgent: request.headers['user-agent'] ?? '',
  };
}
