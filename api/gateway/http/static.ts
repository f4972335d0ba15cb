import { existsSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import sirv from 'sirv';
import { pathOf } from './check-request.ts';
import type { Handler } from './handler.ts';
import { isNavigation, navigationHeaders } from './navigation.ts';

const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/** Browsers apply the policy to redirects too, and pictures may redirect to the object store. */
function contentPolicy(pictureOrigin: string | null): string {
  const pictures = ["'self'", 'data:', ...(pictureOrigin === null ? [] : [pictureOrigin])].join(' ');
  return `default-src 'self'; img-src ${pictures}; connect-src 'self' ws: wss:; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;
}

/**
 * Serves the built web client: its immutable assets, and its page at `/` and wherever a browser navigates to. Other clients get
 * 404 for an unknown path: a health check of `/healthz` must not succeed.
 * @param pictureOrigin origin from which the client also loads pictures; null: only from this server
 */
export function createStatic(directory: string, pictureOrigin: string | null): Handler {
  if (!existsSync(`${directory}/index.html`)) {
    return (_request, response) =>
      notFound(response, 'The web client is not built: run `npm run build`. The API is at /graphql.\n');
  }
  const headers = new Map(
    Object.entries({ ...securityHeaders, 'content-security-policy': contentPolicy(pictureOrigin) }),
  );
  const serve = sirv(directory, {
    etag: true,
    gzip: true,
    brotli: true,
    setHeaders(response, path) {
      const cache = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
      response.setHeader('cache-control', cache);
    },
  });
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return notFound(response, 'Not found.\n');
    // Before sirv, whose 304 has no other headers: a browser replaces those of its stored page by those of the 304.
    response.setHeaders(headers);
    serve(request, response, () => {
      response.setHeader('vary', navigationHeaders);
      if (!isNavigation(request.headers) || hasExtension(pathOf(request))) return notFound(response, 'Not found.\n');
      request.url = '/';
      serve(request, response, () => notFound(response, 'Not found.\n'));
    });
  };
}

function hasExtension(path: string): boolean {
  return /\.[^/]*$/.test(path);
}

function notFound(response: ServerResponse, text: string): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}
