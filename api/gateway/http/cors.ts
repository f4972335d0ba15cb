import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** Seconds for which a browser may skip further preflights: the longest that Chromium allows. */
const maxAgeSeconds = 7_200;
const token = /^[\w!#$%&'*+.^`|~-]+$/;

/** Headers of responses that a page of another origin may read. */
const exposedHeaders =
  'Accept-Ranges, Content-Disposition, Content-Range, ETag, Retry-After, WWW-Authenticate, X-Request-Id';

/**
 * Lets a page read a response, refusals included (https://fetch.spec.whatwg.org/#http-cors-protocol). Tokens travel in a header, which
 * a browser never adds by itself, so that no credentials are involved. Content that every page may read, every page may also embed:
 * URLs of files are secrets, pictures of users are public.
 * @param permitted value of `Access-Control-Allow-Origin`; null: the page may not
 */
export function permitReading(response: ServerResponse, permitted: string | null): void {
  if (permitted === '*') response.setHeader('cross-origin-resource-policy', 'cross-origin');
  else response.appendHeader('vary', 'Origin');
  if (permitted === null) return;
  response.setHeader('access-control-allow-origin', permitted);
  response.setHeader('access-control-expose-headers', exposedHeaders);
}

/**
 * Returns the headers of the response to a CORS preflight, which permit the headers that it asks for.
 * @param origin value of `Access-Control-Allow-Origin`
 * @param methods methods of the resource
 */
export function preflightHeaders(
  { headers }: IncomingMessage,
  origin: string,
  methods: readonly string[],
): OutgoingHttpHeaders {
  const asked = String(headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => token.test(name));
  const isPrivate = headers['access-control-request-private-network'] === 'true';
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': methods.filter((method) => method !== 'OPTIONS').join(', '),
    ...(asked.length > 0 ? { 'access-control-allow-headers': asked.join(', ') } : {}),
    ...(isPrivate ? { 'access-control-allow-private-network': 'true' } : {}),
    'access-control-max-age': String(maxAgeSeconds),
    vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Private-Network',
  };
}
