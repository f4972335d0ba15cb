import type { IncomingMessage, ServerResponse } from 'node:http';
import { isMultipart } from '../multipart/multipart.ts';
import { maxRequestBytes } from '../request-limits.ts';
import { hasBody } from './check-request.ts';

/**
 * Asks a client that waits for it (`Expect: 100-continue`, RFC 9110, section 10.1.1) for the body. It is not asked for one that
 * is too large, and gets the refusal at once.
 */
export function sendContinue(request: IncomingMessage, response: ServerResponse): void {
  const { headers, httpVersionMinor } = request;
  if (httpVersionMinor === 0 || !/100-continue/i.test(headers.expect ?? '') || !hasBody(headers)) return;
  const isTooLarge = !isMultipart(request) && Number(headers['content-length'] ?? 0) > maxRequestBytes;
  if (!isTooLarge) response.writeContinue();
}
