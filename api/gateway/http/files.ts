import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { create as contentDisposition } from 'content-disposition';
import parseRange from 'range-parser';
import { validate } from 'uuid';
import { isInline } from '../../domain/file-types.ts';
import type { FileVariant } from '../../domain/file-urls.ts';
import type { ServedFile } from '../../domain/stored-files.ts';
import type { Uploads } from '../../domain/uploads.ts';
import type { ByteRange } from '../../infra/objects/objects.ts';
import type { Handler } from './handler.ts';

/** Milliseconds for which a redirect to the store works: the store does not know which messages are deleted. */
const redirectMs = 60_000;

/** Serves files by their signed URLs: `/files/ID/VARIANT/NAME?expires=…&signature=…`. */
export function createFileHandler(uploads: Pick<Uploads, 'urls' | 'findFile' | 'read' | 'readUrl'>): Handler {
  return async (request, response) => {
    const requested = parseUrl(request);
    if (requested === null) return sendError(response, 404, 'File not found.');
    const { id, variant, query } = requested;
    if (!uploads.urls.isValid(id, variant, query)) {
      return sendError(response, 403, 'This URL is invalid or has expired. Query the file again for a new one.');
    }
    const file = await uploads.findFile(id, variant);
    if (file === null) return sendError(response, 404, 'This file no longer exists.');
    const expires = Number(query.get('expires'));
    const headers = headersOf(file, `"${id}-${variant}"`, expires);
    // URLs of the store are signed for GET only.
    const location = request.method === 'GET' && (await readUrl(uploads, file, headers, expires));
    if (location) {
      response.writeHead(307, { location, 'cache-control': 'private, no-store' }).end();
      return;
    }
    if (request.headers['if-none-match'] === headers.etag) return void response.writeHead(304, headers).end();
    await sendFile({ request, response, file, headers, read: uploads.read });
  };
}

function parseUrl({ url = '', method }: IncomingMessage) {
  const [path = '', search = ''] = url.split('?', 2);
  const [, id, variant] = /^\/files\/([\da-f-]{36})\/(file|thumbnail)\/[^/]*$/.exec(path) ?? [];
  if (id === undefined || !validate(id) || (method !== 'GET' && method !== 'HEAD')) return null;
  return { id, variant: variant as FileVariant, query: new URLSearchParams(search) };
}

/** Returns headers under which a file cannot run scripts: risky types are downloads, and all are sandboxed. */
function headersOf({ filename, mimetype }: ServedFile, etag: string, expires: number) {
  return {
    etag,
    'content-type': contentTypeOf(mimetype),
    'content-disposition': contentDisposition(filename, { type: isInline(mimetype) ? 'inline' : 'attachment' }),
    'accept-ranges': 'bytes',
    'cache-control': `private, max-age=${Math.max(0, Math.floor((expires - Date.now()) / 1_000))}, immutable`,
    'x-content-type-options': 'nosniff',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
    'access-control-allow-origin': '*',
    'referrer-policy': 'no-referrer',
  };
}

function contentTypeOf(mimetype: string): string {
  if (!isInline(mimetype)) return 'application/octet-stream';
  return mimetype === 'text/plain' ? 'text/plain; charset=utf-8' : mimetype;
}

/** Returns a URL from which the client can read the file in the store; null if this server serves all files. */
function readUrl(
  uploads: Pick<Uploads, 'readUrl'>,
  { key }: ServedFile,
  headers: ReturnType<typeof headersOf>,
  expires: number,
): Promise<string | null> {
  const as = { type: headers['content-type'], disposition: headers['content-disposition'] };
  return uploads.readUrl(key, { ...as, expiresAt: new Date(Math.min(expires, Date.now() + redirectMs)) });
}

async function sendFile(given: {
  request: IncomingMessage;
  response: ServerResponse;
  file: ServedFile;
  headers: ReturnType<typeof headersOf>;
  read: Uploads['read'];
}): Promise<void> {
  const { request, response, file, headers, read } = given;
  const range = readRange(request, file.size, headers.etag);
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${file.size}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: file.size - 1 };
  const length = end - start + 1;
  const isEmpty = request.method === 'HEAD' || length === 0;
  // The range keeps the body within `content-length`, even if the object is longer than its row says.
  const body = isEmpty ? null : await read(file.key, { start, end });
  if (body === null && !isEmpty) return sendError(response, 404, 'This file no longer exists.');
  const part = range ? { 'content-range': `bytes ${range.start}-${range.end}/${file.size}` } : {};
  response.writeHead(range ? 206 : 200, { ...headers, ...part, 'content-length': length });
  if (body === null) response.end();
  // Clients disconnect in the middle, such as players that seek.
  else await pipeline(body, response).catch(() => response.destroy());
}

/**
 * Reads the `Range` header (RFC 9110, section 14).
 * @returns undefined if the whole file must be sent: no range, several ranges, or an `If-Range` of another version
 */
function readRange({ headers }: IncomingMessage, size: number, etag: string): ByteRange | undefined | 'unsatisfiable' {
  const condition = headers['if-range'];
  if (headers.range === undefined || size === 0 || (condition !== undefined && condition !== etag)) return undefined;
  const ranges = parseRange(size, headers.range);
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined;
  return ranges[0];
}

function sendError(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${message}\n`);
}
