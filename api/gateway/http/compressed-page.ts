import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { Page } from '../graphql/graphiql.ts';
import { chooseCoding } from './negotiation.ts';
import { refuse } from './refusal.ts';
import { type Representation, sendRepresentation } from './representation.ts';

/** Creates the sender of a page or document that is stored compressed by gzip, as which it goes to clients that accept that. */
export function createCompressedPage({ body, headers }: Page) {
  const { 'content-encoding': _coding, ...others } = headers;
  const tag = createHash('sha256').update(body).digest('base64url').slice(0, 22);
  const vary = headers['vary'] ? `${headers['vary']}, Accept-Encoding` : 'Accept-Encoding';
  const compressed: Representation = {
    headers: { ...headers, vary },
    etag: `"${tag}-gzip"`,
    size: body.length,
    open: ({ start, end }) => body.subarray(start, end + 1),
  };
  const plain: Representation = {
    headers: { ...others, vary },
    etag: `"${tag}"`,
    // The end of a gzip file has the size of its content (RFC 1952, section 2.3.1).
    size: body.readUInt32LE(body.length - 4),
    open: async ({ start, end }) => (await promisify(gunzip)(body)).subarray(start, end + 1),
  };

  return async function send(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const coding = chooseCoding(request.headers, ['gzip']);
    if (coding === null) return refuse(response, { status: 406, message: 'Accept the coding gzip or identity.' });
    await sendRepresentation(request, response, coding === 'gzip' ? compressed : plain);
  };
}
