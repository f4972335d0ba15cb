import type { IncomingMessage } from 'node:http';
import type { Refusal } from './refusal.ts';

/** Maximum number of headers of a request. */
const maxHeaders = 100;
/** The path of the API with a slash at its end or in upper case, as people type it. Clients of POST follow no redirect. */
const apiPath = /^\/graphql\/?(?=$|[?#])/i;
const methods = new Set(['GET', 'HEAD', 'POST', 'OPTIONS']);
/** Host and port as in RFC 3986, section 3.2, without userinfo and percent-encoding. */
const hostPattern = /^(?:[\w.~-]{1,255}|\[[\da-f:.]{2,45}\])(?::\d{0,5})?$/i;

const otherMethod = 'Use GET, HEAD, POST or OPTIONS.';
/** The only PUT that clients send is the reservation of a stream in the protocol of graphql-sse. */
const noReservation = `${otherMethod} A subscription over server-sent events is a POST with Accept: text/event-stream (graphql-sse: distinct connections mode).`;

/**
 * Checks the request line and the headers, before anything builds a URL from them, and brings a target in absolute form
 * (RFC 9112, section 3.2.2) into origin form, and the path of the API into its one spelling.
 * @returns null if the request is acceptable
 */
export function checkRequest(request: IncomingMessage): Refusal | null {
  const { method = '', rawHeaders } = request;
  if (!methods.has(method)) return { status: 405, message: method === 'PUT' ? noReservation : otherMethod };
  if (rawHeaders.length / 2 > maxHeaders) return { status: 431, message: `Send at most ${maxHeaders} headers.` };
  if (!useOriginForm(request)) return { status: 400, message: 'The request target must be a path.' };
  if (!hasValidHost(request))
    return { status: 400, message: 'The header Host must be one host, with or without a port.' };
  return null;
}

function useOriginForm(request: IncomingMessage): boolean {
  const { url = '' } = request;
  if (url.startsWith('/')) {
    request.url = url.replace(apiPath, '/graphql');
    return URL.canParse(`http://localhost${url}`);
  }
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return false;
  const { host, pathname, search } = new URL(url);
  request.url = `${pathname}${search}`.replace(apiPath, '/graphql');
  request.headers.host = host;
  return true;
}

/** Node refuses HTTP/1.1 without the header; of several it keeps the first, which a proxy may not. */
function hasValidHost({ headers, rawHeaders }: IncomingMessage): boolean {
  const count = rawHeaders.filter((name, n) => n % 2 === 0 && name.toLowerCase() === 'host').length;
  const { host } = headers;
  if (count > 1) return false;
  return host === undefined || host === '' || (hostPattern.test(host) && URL.canParse(`http://${host}`));
}

/** Returns the path of a request, without its query. */
export function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}
