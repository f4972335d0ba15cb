import type { IncomingMessage } from 'node:http';
import { isInRanges, normalizeAddress, type TrustedProxies, unknownAddress } from '../../address.ts';
import type { Logger } from '../../logger.ts';

/** Facts about the client of a request or connection. */
export interface Caller {
  /** IP address of the client as `normalizeAddress` returns it; `unknownAddress` if its connection has closed. */
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

/**
 * Walks from the socket towards the client for as long as the address at hand is a trusted proxy. Only `X-Forwarded-For` is
 * read: proxies that set it may pass a forged `Forwarded` or `X-Real-IP` on.
 */
function clientAddress(request: IncomingMessage, trusted: TrustedProxies): string {
  const forwarded = fromLast(String(request.headers['x-forwarded-for'] ?? ''));
  const isTrusted = (address: string, hop: number) =>
    typeof trusted === 'number' ? hop < trusted : isInRanges(address, trusted);
  let address = normalizeAddress(request.socket.remoteAddress ?? '') ?? unknownAddress;
  for (let hop = 0; isTrusted(address, hop); hop++) {
    const next = normalizeAddress(forwarded.next().value ?? '');
    // A proxy that names no address leaves its own.
    if (next === null) break;
    address = next;
  }
  return address;
}

/** Returns the items of a list in a header from the last to the first, without empty ones (RFC 9110, section 5.6.1). */
function* fromLast(list: string): Generator<string, undefined> {
  for (let end = list.length; end > 0; ) {
    const start = list.lastIndexOf(',', end - 1) + 1;
    const item = list.slice(start, end).trim();
    if (item !== '') yield item;
    end = start - 1;
  }
}
