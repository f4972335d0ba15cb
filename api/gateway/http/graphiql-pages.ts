import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { assetsPath, createGraphiQL } from '../graphql/graphiql.ts';
import { createCompressedPage } from './compressed-page.ts';
import type { Handler } from './handler.ts';
import { navigationHeaders } from './navigation.ts';
import { refuse, send } from './refusal.ts';

/** Seconds for which browsers keep a file whose name contains the hash of its content: a year. */
const assetSeconds = 31_536_000;

/** Path of a JSON object that tells the web client whether GraphiQL is on: `{ "isOn": true }`. */
const explorerPath = '/graphql/explorer';

/** Creates the handlers of GraphiQL's page and of the files that it loads, which are made at the first use. */
export function createGraphiQLPages(isOn: boolean) {
  let made: ReturnType<typeof makePages> | undefined;

  const sendPage: Handler = async (request, response) => {
    if (!isOn) return refuse(response, { status: 404, message: 'GraphiQL is off: GRAPHIQL=on turns it on.' });
    made ??= makePages();
    const { page } = await made;
    await page(request, response);
  };

  /** Sends a file that the page loads, whose name changes with its content. */
  function sendAsset(path: string): Handler {
    return async (request, response) => {
      made ??= makePages();
      const asset = isOn ? (await made).assets.get(path) : undefined;
      if (asset === undefined) return refuse(response, { status: 404, message: 'Not found. Load the page again.' });
      await asset(request, response);
    };
  }

  const sendExplorer: Handler = (_request, response) =>
    send(response, 200, JSON.stringify({ isOn }), {
      'content-type': 'application/json',
      'cache-control': 'no-cache',
    });

  return {
    /** Sends the page, or 304 to a browser that has it. */
    sendPage,
    /** Returns the handler of a path of a file that the page loads, or of `explorerPath`; null for other paths. */
    handlerOf(path: string): Handler | null {
      if (path === explorerPath) return sendExplorer;
      return path.startsWith(assetsPath) ? sendAsset(path) : null;
    },
  };
}

/** See `createGraphiQLPages`. */
export type GraphiQLPages = ReturnType<typeof createGraphiQLPages>;

async function makePages() {
  const { page, policy, assets } = await createGraphiQL();
  const coding = { 'content-encoding': 'gzip' };
  const pageHeaders = {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
    'content-security-policy': policy,
    ...coding,
  };
  const assetHeaders = { 'cache-control': `public, max-age=${assetSeconds}, immutable`, ...coding };
  return {
    page: createCompressedPage({ body: await promisify(gzip)(page), headers: pageHeaders, vary: navigationHeaders }),
    assets: new Map(
      [...assets].map(([path, { type, gzipped }]) => {
        return [path, createCompressedPage({ body: gzipped, headers: { 'content-type': type, ...assetHeaders } })];
      }),
    ),
  };
}
