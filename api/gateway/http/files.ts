import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { create as contentDisposition } from 'content-disposition';
import { validate } from 'uuid';
import { isInline } from '../../domain/file-types.ts';
import type { FileVariant } from '../../domain/file-urls.ts';
import type { ServedFile } from '../../domain/stored-files.ts';
import type { Uploads } from '../../domain/uploads.ts';
import { ignore } from '../../ignore.ts';
import type { WaitInTime } from '../graphql/time-limit.ts';
import { pathOf } from './check-request.ts';
import type { Handler } from './handler.ts';
import { refuse } from './refusal.ts';
import { sendRepresentation } from './representation.ts';

/** Milliseconds for which a redirect to the store works: the store does not know which messages are deleted. */
const redirectMs = 60_000;

/** Limits on the time of services, beyond which a client must try again. */
export interface FileTimes {
  /** Limits the time that the database and the store may take before the content begins. */
  waitInTime: WaitInTime;
  /** Milliseconds that the store may take for the next part of the content. */
  stallMs: number;
}

/** Serves files by their signed URLs: `/files/ID/VARIANT/NAME?expires=…&signature=…`. */
export function createFileHandler(
  uploads: Pick<Uploads, 'urls' | 'findFile' | 'read' | 'readUrl'>,
  { waitInTime, stallMs }: FileTimes,
): Handler {
  return async (request, response) => {
    const arrivedAt = performance.now();
    const requested = parseUrl(request);
    if (requested === null) return refuse(response, { status: 404, message: 'File not found.' });
    const { id, variant, query } = requested;
    if (!uploads.urls.isValid(id, variant, query)) return refuse(response, expired);
    const file = await waitInTime(arrivedAt, uploads.findFile(id, variant));
    if (file === null) return refuse(response, gone);
    const expires = Number(query.get('expires'));
    const headers = headersOf(file, expires);
    // URLs of the store are signed for GET only.
    const location =
      request.method === 'GET' && (await waitInTime(arrivedAt, readUrl(uploads, file, headers, expires)));
    if (location) return redirect(response, location);
    const isSent = await sendRepresentation(request, response, {
      headers,
      etag: `"${id}-${variant}"`,
      size: file.size,
      open: (range) => openInTime(uploads.read(file.key, range), (opening) => waitInTime(arrivedAt, opening)),
      stallMs,
    });
    if (!isSent) refuse(response, gone);
  };
}

const expired = { status: 403, message: 'This URL is invalid or has expired. Query the file again for a new one.' };
const gone = { status: 404, message: 'This file no longer exists.' };

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(307, { location, 'cache-control': 'private, no-store', 'content-length': 0 }).end();
}

/** Opens a stream, and destroys it if it opens too late for its request. */
async function openInTime(
  opening: Promise<Readable | null>,
  wait: (opening: Promise<Readable | null>) => Promise<Readable | null>,
): Promise<Readable | null> {
  try {
    return await wait(opening);
  } catch (error) {
    opening.then((late) => late?.destroy(), ignore);
    throw error;
  }
}

function parseUrl(request: IncomingMessage) {
  const { url = '' } = request;
  const path = pathOf(request);
  const [, id, variant] = /^\/files\/([\da-f-]{36})\/(file|thumbnail)\/[^/]*$/.exec(path) ?? [];
  if (id === undefined || !validate(id)) return null;
  return { id, variant: variant as FileVariant, query: new URLSearchParams(url.slice(path.length)) };
}

/** Returns headers under which a file cannot run scripts: risky types are downloads, and all are sandboxed. */
function headersOf({ filename, mimetype }: ServedFile, expires: number) {
  return {
    'content-type': contentTypeOf(mimetype),
    'content-disposition': contentDisposition(filename, { type: isInline(mimetype) ? 'inline' : 'attachment' }),
    'cache-control': `private, max-age=${Math.max(0, Math.floor((expires - Date.now()) / 1_000))}, immutable`,
    'x-content-type-options': 'nosniff',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'; sandbox",
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
