import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';

/** Seconds for which a browser may skip further preflights: the longest that Chromium allows. */
const maxAgeSeconds = 7_200;
const token = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * CORS settings of the API (https://fetch.spec.whatwg.org/#http-cors-protocol). Any origin may send requests: tokens travel
 * in a header, which a browser never adds by itself, so that no credentials are involved.
 */
export const cors = { origin: '*', credentials: false, exposedHeaders: ['x-request-id'] };

/** Headers of content that any page may embed and read: URLs of files are secrets, pictures of users are public. */
export const publicHeaders = {
  'cross-origin-resource-policy': 'cross-origin',
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'Accept-Ranges, Content-Disposition, Content-Range, ETag, X-Request-Id',
} as const;

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
