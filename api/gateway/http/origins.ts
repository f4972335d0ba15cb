import type { IncomingHttpHeaders } from 'node:http';

/**
 * Creates the rule on which pages may use the API (RFC 6454): those of this server, and those of the listed origins. Requests
 * without an `Origin` come from apps and tools, and are allowed.
 *
 * A page is this server's own if the browser says so (`Sec-Fetch-Site`, which pages cannot set), if its origin has the host
 * of the request, or if it is that of the public URL. The scheme is not compared: a proxy may end TLS.
 * @param options.allowed further origins, in lower case; `*` allows all
 */
export function createOrigins(options: { allowed: readonly string[]; publicUrl: string | undefined }) {
  const allowed = new Set(options.allowed);
  if (options.publicUrl) allowed.add(new URL(options.publicUrl).origin);

  /** Returns whether the page that sent a request may use the API. */
  return function isAllowed(headers: IncomingHttpHeaders): boolean {
    const { origin, host = '' } = headers;
    if (origin === undefined || allowed.has('*') || allowed.has(origin.toLowerCase())) return true;
    return headers['sec-fetch-site'] === 'same-origin' || isSameHost(origin, host);
  };
}

export type IsAllowedOrigin = ReturnType<typeof createOrigins>;

function isSameHost(origin: string, host: string): boolean {
  if (!/^https?:\/\//i.test(origin) || !URL.canParse(origin)) return false;
  const { protocol, host: given } = new URL(origin);
  const own = `${protocol}//${host}`;
  return host !== '' && URL.canParse(own) && new URL(own).host === given;
}
