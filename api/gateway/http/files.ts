import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { create as contentDisposition } from 'content-disposition';
import parseRange from 'range-parser';
import { validate } from 'uuid';
import { isShown } from '../../domain/file-kinds.ts';
import type { FileVariant } from '../../domain/file-urls.ts';
import type { OutgoingFile, Uploads } from '../../domain/uploads.ts';
import type { ByteRange } from '../../infra/objects/objects.ts';
import type { Handler } from './handler.ts';

/** Serves files to whoever has a URL that was given for them: `/files/ID/VARIANT/NAME?expires=…&signature=…`. */
export function createFileHandler(uploads: Pick<Uploads, 'urls' | 'outgoing' | 'read' | 'readUrl'>): Handler {
  return async (request, response) => {
    const asked = readPath(request);
    if (asked === null) return refuse(response, 404, 'There is no such file.');
    const { id, variant, query } = asked;
    if (!uploads.urls.isValid(id, variant, query)) {
      return refuse(response, 403, 'This URL has expired, or was not given so: ask for the file again.');
    }
    const file = await uploads.outgoing(id, variant);
    if (file === null) return refuse(response, 404, 'There is no such file any more.');
    const expires = Number(query.get('expires'));
    const headers = headersOf(file, `"${id}-${variant}"`, expires);
    const elsewhere = request.method === 'GET' && (await readUrl(uploads, file, headers, expires));
    if (elsewhere) {
      response.writeHead(307, { location: elsewhere, 'cache-control': 'private, no-store' }).end();
      return;
    }
    if (request.headers['if-none-match'] === headers.etag) return void response.writeHead(304, headers).end();
    await send({ request, response, file, headers, read: uploads.read });
  };
}

function readPath({ url = '', method }: IncomingMessage) {
  const [path = '', search = ''] = url.split('?', 2);
  const [, id, variant] = /^\/files\/([\da-f-]{36})\/(file|thumbnail)\/[^/]*$/.exec(path) ?? [];
  if (id === undefined || !validate(id) || (method !== 'GET' && method !== 'HEAD')) return null;
  return { id, variant: variant as FileVariant, query: new URLSearchParams(search) };
}

/** Where the store gives the file by itself, to a GET alone: that is what the URL is signed for. */
function readUrl(
  uploads: Pick<Uploads, 'readUrl'>,
  { key }: OutgoingFile,
  headers: ReturnType<typeof headersOf>,
  expires: number,
): Promise<string | null> {
  const as = { type: headers['content-type'], disposition: headers['content-disposition'] };
  return uploads.readUrl(key, { ...as, expiresAt: new Date(expires) });
}

/** What a browser could run is offered as a download, and where it is opened all the same it can do nothing. */
function headersOf({ filename, mimetype }: OutgoingFile, etag: string, expires: number) {
  const shown = isShown(mimetype);
  return {
    etag,
    'content-type': shown
      ? mimetype === 'text/plain'
        ? 'text/plain; charset=utf-8'
        : mimetype
      : 'application/octet-stream',
    'content-disposition': contentDisposition(filename, { type: shown ? 'inline' : 'attachment' }),
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

async function send(given: {
  request: IncomingMessage;
  response: ServerResponse;
  file: OutgoingFile;
  headers: ReturnType<typeof headersOf>;
  read: Uploads['read'];
}): Promise<void> {
  const { request, response, file, headers, read } = given;
  const range = rangeOf(request, file.size, headers.etag);
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${file.size}` }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: file.size - 1 };
  const length = end - start + 1;
  const isEmpty = request.method === 'HEAD' || length === 0;
  // Never more than was said to come, whatever the store has there.
  const body = isEmpty ? null : await read(file.key, { start, end });
  if (body === null && !isEmpty) return refuse(response, 404, 'There is no such file any more.');
  const part = range ? { 'content-range': `bytes ${range.start}-${range.end}/${file.size}` } : {};
  response.writeHead(range ? 206 : 200, { ...headers, ...part, 'content-length': length });
  if (body === null) response.end();
  // Whoever has seen enough goes away in the middle.
  else await pipeline(body, response).catch(() => response.destroy());
}

/** One range, as RFC 9110 section 14 has it; of several, or under another `If-Range`, the whole file is served. */
function rangeOf({ headers }: IncomingMessage, size: number, etag: string): ByteRange | undefined | 'unsatisfiable' {
  const condition = headers['if-range'];
  if (headers.range === undefined || size === 0 || (condition !== undefined && condition !== etag)) return undefined;
  const ranges = parseRange(size, headers.range);
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined;
  return ranges[0];
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${message}\n`);
}
