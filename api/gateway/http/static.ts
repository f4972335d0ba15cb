import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pathOf } from './check-request.ts';
import { type ClientFile, readClientFiles } from './client-files.ts';
import type { Handler } from './handler.ts';
import { isNavigation, navigationHeaders } from './navigation.ts';
import { chooseCoding } from './negotiation.ts';
import { refuse } from './refusal.ts';
import { inMemory, sendRepresentation } from './representation.ts';

/** Paths that are no pages: a client that asks for them means the API, or an asset of another release. */
const reserved = /^\/(?:graphql|health|ready|metrics|files|avatars|assets)(?:\/|$)/i;
/** Segments of letters, digits and marks, without an extension. */
const pagePath = /^(?:\/[\p{L}\p{N}_~-]+)*\/?$/u;

/** Browsers apply the policy to redirects too, and pictures may redirect to the object store. */
function contentPolicy(pictureOrigin: string | null): string {
  const pictures = ["'self'", 'data:', ...(pictureOrigin === null ? [] : [pictureOrigin])].join(' ');
  return `default-src 'self'; img-src ${pictures}; connect-src 'self' ws: wss:; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;
}

/**
 * Serves the built web client: its immutable assets, and its page at `/` and wherever a browser navigates to a path of a page.
 * Other clients get 404 for an unknown path: a health check of `/healthz` must not succeed.
 * @param pictureOrigin origin from which the client also loads pictures; null: only from this server
 */
export function createStatic(directory: string, pictureOrigin: string | null): Handler {
  if (!existsSync(`${directory}/index.html`)) {
    const message = 'The web client is not built: run `npm run build`. The API is at /graphql.';
    return (_request, response) => refuse(response, { status: 404, message });
  }
  const files = readClientFiles(directory);
  const headers = {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': contentPolicy(pictureOrigin),
  };

  return async (request, response) => {
    const path = decodePath(request);
    const file = files.get(path === '/' ? '/index.html' : path);
    if (file) return sendFile(request, response, file, { ...headers, 'cache-control': cacheControlOf(path) });
    const page = files.get('/index.html');
    if (page === undefined || reserved.test(path) || !pagePath.test(path)) return notFound(response);
    if (!isNavigation(request.headers)) return notFound(response);
    return sendFile(request, response, page, {
      ...headers,
      'cache-control': 'no-cache',
      vary: `${navigationHeaders}, Accept-Encoding`,
    });
  };
}

/** Returns the path without escapes; one whose escapes are no UTF-8 stays as it is, which is no path of a file. */
function decodePath(request: IncomingMessage): string {
  const path = pathOf(request);
  try {
    return decodeURIComponent(path).normalize();
  } catch {
    return path;
  }
}

function cacheControlOf(path: string): string {
  return path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
}

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  { type, modifiedAt, codings }: ClientFile,
  given: Record<string, string>,
): Promise<void> {
  const coding = chooseCoding(request.headers, [...codings.keys()]);
  const content = coding && codings.get(coding);
  if (!content) return refuse(response, { status: 406, message: 'Accept the coding br, gzip or identity.' });
  const { body, etag } = content;
  const vary = codings.size > 1 ? { vary: 'Accept-Encoding' } : {};
  const encoding = coding === 'identity' ? {} : { 'content-encoding': coding };
  const headers = { 'content-type': type, ...vary, ...given, ...encoding };
  await sendRepresentation(request, response, { headers, etag, modifiedAt, ...inMemory(body) });
}

function notFound(response: ServerResponse): void {
  refuse(response, { status: 404, message: 'Not found. The API is at /graphql.' });
}
