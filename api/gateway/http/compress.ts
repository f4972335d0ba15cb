import type { IncomingHttpHeaders } from 'node:http';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { createFairQueue } from '../../fair-queue.ts';
import { createTextCache } from '../graphql/text-cache.ts';
import { type Coding, chooseCoding } from './negotiation.ts';

/** Size from which a text is compressed, in bytes: a smaller one takes a packet either way. */
export const minCompressedBytes = 1_024;
/** Quality of Brotli: higher ones cost twice as much for a twentieth less (docs/performance.md). */
const brotliQuality = 3;
/** Level of gzip, chosen in the same way. */
const gzipLevel = 4;
/** Maximum total length of the introspection results that are kept in each coding, in UTF-16 code units. */
const maxKeptLetters = 1_048_576;
/** Beginning of the result of an introspection, which many clients ask for in the same words. */
const introspection = '{"data":{"__schema":{';

/** Thrown by the queue: the text is sent as it is. */
class QueueFullError extends Error {}

/** Texts that are compressed at the same time, in threads that files and names are looked up in as well. */
const queue = createFairQueue({
  concurrency: 2,
  maxWaiting: 50,
  maxWaitingOfKey: 10,
  onFull: () => new QueueFullError('Too many responses wait for compression.'),
});

/** Body of a response. */
export interface CodedBody {
  coding: Coding;
  body: string | Buffer;
}

/** Returns whether a client accepts a coding that `compressText` produces, or none. */
export function acceptsAnyCoding(headers: IncomingHttpHeaders): boolean {
  return chooseCoding(headers, ['br', 'gzip']) !== null;
}

/**
 * Compresses the text of a response in the coding that its client prefers (RFC 9110, section 12.5.3), outside of the event loop.
 * A short text stays as it is unless the client refuses that, and so does one for which `Cache-Control: no-transform` was asked,
 * or one that would have to wait behind too many others.
 * @param headers headers of the request
 * @param client key of the client, whose texts wait for each other first
 */
export async function compressText(text: string, headers: IncomingHttpHeaders, client: string): Promise<CodedBody> {
  const coding = codingFor(text, headers);
  if (coding === 'identity') return { coding, body: text };
  try {
    return { coding, body: await compressOnce(text, coding, client) };
  } catch (error) {
    if (error instanceof QueueFullError) return { coding: 'identity', body: text };
    throw error;
  }
}

function codingFor(text: string, headers: IncomingHttpHeaders): Coding {
  if (/\bno-transform\b/i.test(headers['cache-control'] ?? '')) return 'identity';
  const isShort = Buffer.byteLength(text) < minCompressedBytes;
  if (isShort && chooseCoding(headers, []) === 'identity') return 'identity';
  return chooseCoding(headers, ['br', 'gzip']) ?? 'identity';
}

const coders = {
  br: { kept: createTextCache<Buffer>(maxKeptLetters), compress: toBrotli },
  gzip: { kept: createTextCache<Buffer>(maxKeptLetters), compress: toGzip },
};

/** The result of an introspection is compressed once. Its whole text is the key. */
async function compressOnce(text: string, coding: 'br' | 'gzip', client: string): Promise<Buffer> {
  const { kept, compress } = coders[coding];
  const isKept = text.startsWith(introspection);
  const found = isKept ? kept.get(text) : undefined;
  if (found) return found;
  const body = await queue.run(client, () => compress(Buffer.from(text)));
  if (isKept) kept.set(text, body);
  return body;
}

function toBrotli(text: Buffer): Promise<Buffer> {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
  };
  return promisify(brotliCompress)(text, { params });
}

function toGzip(text: Buffer): Promise<Buffer> {
  return promisify(gzip)(text, { level: gzipLevel });
}
