import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { assetsPath, createGraphiQL } from '../graphql/graphiql.ts';
import { navigationHeaders } from './navigation.ts';
import { refusal } from './refusal.ts';

/** Seconds for which browsers keep a file whose name contains the hash of its content: a year. */
const assetSeconds = 31_536_000;

/** Path of a JSON object that tells the web client whether GraphiQL is on: `{ "isOn": true }`. */
const explorerPath = '/graphql/explorer';

/** Creates the handlers of GraphiQL's page and of the files that it loads, which are made at the first use. */
export function createGraphiQLPages(isOn: boolean) {
  let made: ReturnType<typeof createGraphiQL> | undefined;

  return {
    /** Sends the page, or 304 to a browser that has it. */
    async sendPage(request: IncomingMessage, response: ServerResponse): Promise<void> {
      if (!isOn) return refusal(response, { status: 404, message: 'GraphiQL is off: GRAPHIQL=on turns it on.' });
      const { page, policy } = await make();
      // Weak, because the page may be compressed on its way.
      const etag = `W/"${createHash('sha256').update(page).digest('base64url')}"`;
      const headers = {
        'cache-control': 'no-cache',
        // A browser replaces the headers of its stored page by those of a 304.
        'content-security-policy': policy,
        vary: navigationHeaders,
        etag,
      };
      if (hasTag(request, etag)) response.writeHead(304, headers).end();
      else response.writeHead(200, { ...headers, 'content-type': 'text/html; charset=utf-8' }).end(page);
    },

    /** Returns whether a path is of a file that the page loads, or of `explorerPath`. */
    isAsset: (path: string): boolean => path === explorerPath || path.startsWith(assetsPath),

    /** Sends a file that the page loads, whose name changes with its content. */
    async sendAsset(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
      if (path === explorerPath) return sendExplorer(response, isOn);
      const asset = isOn ? (await make()).assets.get(path) : undefined;
      if (asset === undefined) return refusal(response, { status: 404, message: 'Not found.' });
      const isGzipped = acceptsGzip(request);
      response.writeHead(200, {
        'content-type': asset.type,
        'cache-control': `public, max-age=${assetSeconds}, immutable`,
        vary: 'Accept-Encoding',
        ...(isGzipped && { 'content-encoding': 'gzip' }),
      });
      if (isGzipped || request.method === 'HEAD') response.end(asset.gzipped);
      else sendUnpacked(response, asset.gzipped);
    },
  };

  function make() {
    made ??= createGraphiQL();
    return made;
  }
}

function sendExplorer(response: ServerResponse, isOn: boolean): void {
  response
    .writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache' })
    .end(JSON.stringify({ isOn }));
}

/** Compares weakly, as `If-None-Match` asks (RFC 9110, section 13.1.2). */
function hasTag({ headers }: IncomingMessage, etag: string): boolean {
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '');
  return (headers['if-none-match'] ?? '').split(',').some((tag) => opaque(tag) === opaque(etag));
}

/** Returns whether the client takes gzip (RFC 9110, section 12.5.3). */
function acceptsGzip({ headers }: IncomingMessage): boolean {
  const accepted = String(headers['accept-encoding'] ?? '').toLowerCase();
  return /(?:^|,)\s*(?:gzip|\*)\s*(?:$|,|;(?!\s*q=0(?:\.0*)?\s*(?:$|,)))/.test(accepted);
}

function sendUnpacked(response: ServerResponse, gzipped: Buffer): void {
  const unpacking = createGunzip();
  // The client may go away: the response is then destroyed, and nothing is left to do.
  pipeline(unpacking, response, () => {});
  unpacking.end(gzipped);
}
