import type { Readable } from 'node:stream';
import { addressGroup } from '../../address.ts';
import type { RequestContext } from '../graphql/server-context.ts';
import { compressText } from './compress.ts';

/** Types of responses that are sent part by part, which no coding may hold back. */
const streamTypes = /^(?:text\/event-stream|multipart\/mixed)\b/;

/**
 * Sends the response that Yoga made for a request: results as a text, compressed if the client accepts that, or a stream of them.
 * @param context the context with which Yoga made it
 */
export async function sendResult(result: Response, { req, res, caller }: RequestContext): Promise<void> {
  if (res.destroyed || res.writableEnded) return;
  const headers = Object.fromEntries(result.headers);
  if (streamTypes.test(headers['content-type'] ?? '')) {
    res.writeHead(result.status, headers);
    return sendStream(result, res);
  }
  const { coding, body } = await compressText(await result.text(), req.headers, addressGroup(caller.address));
  const encoding = coding === 'identity' ? {} : { 'content-encoding': coding };
  res.writeHead(result.status, { ...headers, ...encoding, 'content-length': Buffer.byteLength(body) }).end(body);
}

/** Yoga's streams are streams of Node as well. One whose reader has gone ends with its response. */
function sendStream({ body }: Response, response: RequestContext['res']): void {
  const stream = body as unknown as Readable;
  response.once('close', () => stream.destroy());
  stream.pipe(response);
}
