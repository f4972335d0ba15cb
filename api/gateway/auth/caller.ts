import type { IncomingMessage } from 'node:http';
import { isInRanges, normalizeAddress, type TrustedProxies } from '../../address.ts';
import type { Logger } from '../../logger.ts';

/** Facts about the client of a request or connection. */
export interface Caller {
  /** IP address of the client, IPv4 if it is mapped into IPv6. */
  address: string;
  /** The `User-Agent` header; empty without one. */
  userAgent: string;
}

/**
 * Creates the reader of callers.
 * @param trusted proxies that are believed: the client is the address before the last trusted one in `X-Forwarded-For`
 */
export function createCallers({ trusted, logger }: { trusted: TrustedProxies; logger: Logger }) {
  let hasWarned = false;

  return {
    /** Returns the client of a request. */
    read(request: IncomingMessage): Caller {
      const { 'x-forwarded-for': forwarded, 'user-agent': userAgent = '' } = request.headers;
      if (trusted === 0 && forwarded !== undefined) warnOnce();
      return { address: clientAddress(request, trusted), userAgent };
    },
    /** Returns whether a peer may be a trusted proxy, which opens connections for many clients. */
    isProxy: (address: string): boolean => (typeof trusted === 'number' ? trusted > 0 : isInRanges(address, trusted)),
  };

  function warnOnce(): void {
    if (hasWarned) return;
    hasWarned = true;
    logger.warn(
      {},
      'a request has X-Forwarded-For, which is ignored: set TRUST_PROXY if a proxy is in front of this server, or all clients share its limits',
    );
  }
}

export type Callers = ReturnType<typeof createCallers>;

/** Walks from the socket towards the client for as long as the address at hand is a trusted proxy. */
function clientAddress(request: IncomingMessage, trusted: TrustedProxies): string {
  const { remoteAddress = '' } = request.socket;
  const given = request.headers['x-forwarded-for'] ?? '';
  const forwarded = String(given)
    .split(',')
    .map((one) => normalizeAddress(one));
  const isTrusted = (address: string, hop: number) =>
    typeof trusted === 'number' ? hop < trusted : isInRanges(address, trusted);
  let address = normalizeAddress(remoteAddress) ?? 'unknown';
  for (let hop = 0; isTrusted(address, hop); hop++) {
    const next = forwarded.pop();
    // A proxy that names no address leaves its own.
    if (next === undefined || next === null) break;
    address = next;
  }
  return address;
}
