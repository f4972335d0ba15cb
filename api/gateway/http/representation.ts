import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ByteRange } from '../../infra/objects/objects.ts';
import { parseByteRange } from './byte-range.ts';
import { checkPreconditions, mayUseRange, type Validators } from './preconditions.ts';
import { refuse } from './refusal.ts';

/** Content that a GET returns: a page, an asset, a picture or a file. */
export interface Representation extends Validators {
  /** Headers of the response, without those that `sendRepresentation` derives. */
  headers: OutgoingHttpHeaders;
  /** Size in bytes. */
  size: number;
  /** Opens the content, or a range within it; null if it no longer exists. */
  open(range: ByteRange): Promise<Readable | Buffer | null> | Buffer;
  /** Milliseconds after which a stream that yields nothing to a reading client is given up. */
  stallMs?: number;
}

/** Returns the size of content that is in memory, and its opening. */
export function inMemory(body: Buffer): Pick<Representation, 'size' | 'open'> {
  return { size: body.length, open: ({ start, end }) => body.subarray(start, end + 1) };
}

/**
 * Responds to a GET or HEAD: conditional requests, then ranges, then the content (RFC 9110, sections 13.2.2, 14 and 15).
 * @returns false if the content no longer exists; nothing is sent then
 */
export async function sendRepresentation(
  request: IncomingMessage,
  response: ServerResponse,
  shown: Representation,
): Promise<boolean> {
  const status = checkPreconditions(request.headers, shown);
  if (status === 412) refuse(response, { status, message: 'The content is not the expected one. Load it again.' });
  if (status === 304) response.writeHead(304, withoutContent(headersOf(shown))).end();
  if (status !== null) return true;
  const range = readRange(request, shown);
  if (range !== 'unsatisfiable') return sendContent(request, response, shown, range);
  const headers = { 'content-range': `bytes */${shown.size}`, 'accept-ranges': 'bytes' };
  refuse(response, { status: 416, message: `Ask for a range within ${shown.size} bytes.`, headers });
  return true;
}

function headersOf({ headers, etag, modifiedAt }: Representation): OutgoingHttpHeaders {
  const modified = modifiedAt === undefined ? {} : { 'last-modified': new Date(modifiedAt).toUTCString() };
  return { ...headers, etag, ...modified, 'accept-ranges': 'bytes' };
}

/** A 304 has no headers that describe the content (RFC 9110, section 15.4.5). Caches replace those that it has, policies too. */
function withoutContent(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const described = /^(?:content-(?:type|encoding|disposition)|accept-ranges)$/;
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !described.test(name)));
}

/** Ranges are defined for GET alone. */
function readRange({ method, headers }: IncomingMessage, shown: Representation): ByteRange | null | 'unsatisfiable' {
  if (method !== 'GET' || headers.range === undefined || !mayUseRange(headers, shown)) return null;
  return parseByteRange(headers.range, shown.size);
}

async function sendContent(
  { method }: IncomingMessage,
  response: ServerResponse,
  shown: Representation,
  range: ByteRange | null,
): Promise<boolean> {
  const { size, open, stallMs = Number.POSITIVE_INFINITY } = shown;
  const { start, end } = range ?? { start: 0, end: size - 1 };
  const isEmpty = method === 'HEAD' || size === 0;
  // The range keeps the body within `content-length`, even if the object is longer than its row says.
  const body = isEmpty ? Buffer.alloc(0) : await open({ start, end });
  if (body === null) return false;
  const part = range ? { 'content-range': `bytes ${start}-${end}/${size}` } : {};
  response.writeHead(range ? 206 : 200, { ...headersOf(shown), ...part, 'content-length': end - start + 1 });
  if (body instanceof Readable) await pipe(body, response, { length: end - start + 1, stallMs });
  else response.end(body);
  return true;
}

/**
 * Sends a stream of a known length. Clients disconnect in the middle, such as players that seek; stores hang, or end too early:
 * then the connection is closed, on which the next response would be taken for the rest of this one.
 */
async function pipe(
  body: Readable,
  response: ServerResponse,
  given: { length: number; stallMs: number },
): Promise<void> {
  let sent = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      done(null, chunk);
    },
    flush: (done) => done(sent < given.length ? new Error('the stream is too short') : null),
  });
  const stop = destroyStalled(body, given.stallMs, () => (response.writableLength === 0 ? sent : null));
  await pipeline(body, counted, response).catch(() => response.destroy());
  stop();
}

/**
 * Destroys a stream that yields nothing for a while.
 * @param progress returns the number of bytes so far, or null if they wait for the client
 */
function destroyStalled(body: Readable, stallMs: number, progress: () => number | null): () => void {
  if (!Number.isFinite(stallMs)) return () => {};
  let before: number | null = null;
  const timer = setInterval(() => {
    const now = progress();
    if (now !== null && now === before) body.destroy(new Error('the store has stalled'));
    before = now;
  }, stallMs).unref();
  return () => clearInterval(timer);
}
