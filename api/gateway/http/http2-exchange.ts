import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { translateRequest } from './http2-request.ts';
import { translateResponse } from './http2-response.ts';

/**
 * Presents a request and its response over HTTP/2 as an exchange over HTTP/1.1, as a proxy would translate it (RFC 9113, section
 * 8), so that the gateway knows one kind of exchange. Node's own compatibility leaves differences, which this removes:
 * pseudo-headers, the end of a request, the progress of one stream among others, and the difference between a response that is
 * complete and one that broke off.
 *
 * `socket` stands for the stream alone: to destroy it resets the stream, and other exchanges of the connection go on.
 */
export function translateExchange(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
): { request: IncomingMessage; response: ServerResponse } {
  const progress = { arrived: 0, sent: 0 };
  translateRequest(request, progress);
  translateResponse(response, progress);
  return { request: request as unknown as IncomingMessage, response: response as unknown as ServerResponse };
}
