import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Handler } from './handler.ts';
import { chooseCoding } from './negotiation.ts';
import { refuse } from './refusal.ts';
import { inMemory, type Representation, sendRepresentation } from './representation.ts';

/** Content that is stored compressed by gzip. */
interface CompressedContent {
  body: Buffer;
  /** Headers of the response, `content-encoding` among them. */
  headers: Record<string, string>;
  /** Request headers that the choice of this content depends on, besides `Accept-Encoding`. */
  vary?: string;
}

/** Creates the sender of content that is stored compressed by gzip, as which it goes to clients that accept that. */
export function createCompressedPage({ body, headers, vary }: CompressedContent): Handler {
  const { 'content-encoding': _coding, ...others } = headers;
  const tag = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  const compressed: Representation = {
    headers,
    etag: `"${tag}-gzip"`,
    ...inMemory(body),
  };
  const plain: Representation = {
    headers: others,
    etag: `"${tag}"`,
    // The end of a gzip file has the size of its content (RFC 1952, section 2.3.1).
    size: body.readUInt32LE(body.length - 4),
    open: async ({ start, end }) => (await promisify(gunzip)(body)).subarray(start, end + 1),
  };

  return async (request, response) => {
    // The response may depend on further headers already.
    response.appendHeader('vary', vary ? `${vary}, Accept-Encoding` : 'Accept-Encoding');
    const coding = chooseCoding(request.headers, ['gzip']);
    if (coding === null) return refuse(response, { status: 406, message: 'Accept the coding gzip or identity.' });
    await sendRepresentation(request, response, coding === 'gzip' ? compressed : plain);
  };
}
