import type { IncomingMessage } from 'node:http';
import type { Refusal } from './refusal.ts';

/** Maximum number of headers of a request. */
const maxHeaders = 100;
/** The path of the API with a slash at its end or in upper case, as people type it. Clients of POST follow no redirect. */
const apiPath = /^\/graphql\/?(?=$|\?)/i;
/** Host and port as in RFC 3986, section 3.2, without userinfo and percent-encoding. */
const hostPattern = /^(?:[\w.~-]{1,255}|\[[\da-f:.]{2,45}\])(?::\d{0,5})?$/i;
/** A path and a query without escapes that are none, NUL, backslashes and fragments (RFC 3986, section 3.3; RFC 9112, section 3.2.1). */
const originForm = /^\/(?:[^%#?\\]|%(?!00)[\da-f]{2})*(?:\?[^#]*)?$/i;
/** Authority of a target in absolute form, and the rest of it. */
const absoluteForm = /^https?:\/\/([^/?]+)(.*)$/i;

/**
 * Checks the request line and the headers, before anything builds a URL from them, and brings a target in absolute form
 * (RFC 9112, section 3.2.2) into origin form, and the path of the API into its one spelling.
 * @returns null if the request is acceptable
 */
export function checkRequest(request: IncomingMessage): Refusal | null {
  const { rawHeaders, httpVersionMajor } = request;
  if (httpVersionMajor !== 1) return { status: 505, message: 'Use HTTP/1.1.' };
  if (rawHeaders.length / 2 > maxHeaders) return { status: 431, message: `Send at most ${maxHeaders} headers.` };
  return checkBody(request) ?? checkExpect(request) ?? checkTarget(request);
}

/** Checks the codings of the body; Node checks its length (RFC 9112, section 6). */
function checkBody({ headers, httpVersionMinor }: IncomingMessage): Refusal | null {
  const { 'transfer-encoding': transfer, 'content-encoding': content = '' } = headers;
  if (transfer !== undefined && httpVersionMinor === 0)
    return { status: 400, message: 'HTTP/1.0 has no Transfer-Encoding: send a Content-Length.' };
  if (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked')
    return { status: 501, message: 'The only Transfer-Encoding is chunked.' };
  if (/^(?:\s|,|identity)*$/i.test(content) || !hasBody(headers)) return null;
  const message = 'Send the body without a Content-Encoding.';
  return { status: 415, message, headers: { 'accept-encoding': 'identity' } };
}

/** Tells by its headers whether a request has a body. */
export function hasBody(headers: IncomingMessage['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** An expectation in HTTP/1.0 is ignored (RFC 9110, section 10.1.1). */
function checkExpect({ headers, httpVersionMinor }: IncomingMessage): Refusal | null {
  const isKnown = httpVersionMinor === 0 || /^(?:\s|,|100-continue)*$/i.test(headers.expect ?? '');
  return isKnown ? null : { status: 417, message: 'The only expectation is 100-continue.' };
}

function checkTarget(request: IncomingMessage): Refusal | null {
  const isValid = hasValidHost(request);
  if (!isValid) return { status: 400, message: 'Send one header Host: a host, with or without a port.' };
  if (useOriginForm(request)) return null;
  return { status: 400, message: 'The request target must be a path with valid escapes, and may have a query.' };
}

/** `*` stands for the server as a whole in OPTIONS. */
function useOriginForm(request: IncomingMessage): boolean {
  const { url = '', method } = request;
  if (url === '*') return method === 'OPTIONS';
  const [, authority, rest = ''] = absoluteForm.exec(url) ?? [];
  if (authority !== undefined) {
    if (!isHost(authority)) return false;
    // As it was sent: `URL` would resolve dot segments, which a proxy before this server has not seen resolved.
    request.url = rest.startsWith('/') ? rest : `/${rest}`;
    request.headers.host = authority;
  }
  request.url = request.url?.replace(apiPath, '/graphql') ?? '';
  return originForm.test(request.url) && URL.canParse(`http://localhost${request.url}`);
}

/**
 * HTTP/1.1 needs the header, which may be empty; a second one is refused, of which Node keeps the first, and a proxy may not
 * (RFC 9112, section 3.2).
 */
function hasValidHost({ headers, rawHeaders, httpVersionMinor }: IncomingMessage): boolean {
  const count = rawHeaders.filter((name, n) => n % 2 === 0 && name.toLowerCase() === 'host').length;
  const { host = '' } = headers;
  if (count > 1 || (count === 0 && httpVersionMinor > 0)) return false;
  return host === '' || isHost(host);
}

function isHost(text: string): boolean {
  return hostPattern.test(text) && URL.canParse(`http://${text}`);
}

/** Returns the path of a request, without its query. */
export function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}
