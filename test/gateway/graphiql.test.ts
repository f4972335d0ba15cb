import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';

const browser = { accept: 'text/html', 'sec-fetch-dest': 'document' };
let url: string;
let off: string;

beforeAll(async () => {
  const on = await startGateway({});
  const without = await startGateway({ graphiql: false });
  url = on.url;
  off = without.url;
  return async () => {
    await on.gateway.stop();
    await without.gateway.stop();
  };
});

/** Returns a response as it was sent: `fetch` would unpack it. */
async function get(address: string, headers: Record<string, string> = {}, method = 'GET') {
  const sent = request(address, { headers, method }).end();
  const [response] = await once(sent, 'response');
  const received: IncomingHttpHeaders = response.headers;
  return { status: response.statusCode as number, headers: received, body: await buffer(response) };
}

async function readPage() {
  const { headers, body } = await get(`${url}/graphql`, browser);
  return { headers, html: body.toString(), size: body.length };
}

async function assetPaths() {
  const { html } = await readPage();
  return [...new Set(html.match(/\/graphql\/assets\/[\w.-]+/g) ?? [])];
}

it('the page is small, and kept by browsers until it changes', async () => {
  const { headers, size } = await readPage();
  expect(size).toBeLessThan(40_000);
  expect(headers['content-encoding']).toBeUndefined();
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect([headers['cache-control'], headers.vary]).toEqual([
    'no-cache',
    'Origin, Accept, Sec-Fetch-Dest, Accept-Encoding',
  ]);
  const tags = [headers.etag, `"other", ${headers.etag}`, `W/${headers.etag}`];
  for (const tag of tags) {
    const again = await get(`${url}/graphql`, { ...browser, 'if-none-match': String(tag) });
    expect([again.status, again.body.length]).toEqual([304, 0]);
    for (const name of ['etag', 'vary', 'cache-control', 'content-security-policy'])
      expect(again.headers[name]).toBe(headers[name]);
  }
  expect((await get(`${url}/graphql`, { ...browser, 'if-none-match': '"other"' })).status).toBe(200);
});

it('its policy allows its own scripts alone, and it names no other host', async () => {
  const { headers, html } = await readPage();
  const policy = String(headers['content-security-policy']);
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/unsafe-eval|script-src[^;]*(?:unsafe-inline|'self'|blob:|https?:)/);
  expect(html.match(/https?:\/\/(?!localhost)[^\s"']*/g)).toBeNull();
});

it('its files have the hash of their content in their names, and are kept for a year', async () => {
  const paths = await assetPaths();
  expect(paths).toHaveLength(5);
  for (const path of paths) {
    const { status, headers, body } = await get(url + path, { 'accept-encoding': 'br, gzip' });
    expect([status, headers['content-encoding'], headers.vary]).toEqual([200, 'gzip', 'Accept-Encoding']);
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(headers['content-type']).toMatch(path.endsWith('.css') ? /^text\/css/ : /^text\/javascript/);
    expect(body.length).toBeLessThan(2_000_000);
    const plain = await get(url + path, { 'accept-encoding': 'gzip;q=0' });
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.body.equals(gunzipSync(body))).toBe(true);
  }
});

it.each([
  ['gzip', 'gzip'],
  ['GZIP;q=0.5, br', 'gzip'],
  ['*', 'gzip'],
  ['deflate, gzip;q=0.0', undefined],
  ['br', undefined],
  ['identity', undefined],
])('a client that accepts %s gets the encoding %s', async (accepted, expected) => {
  const [path] = (await assetPaths()).filter((name) => name.endsWith('.css'));
  const { headers } = await get(url + path, { 'accept-encoding': accepted }, 'HEAD');
  expect(headers['content-encoding']).toBe(expected);
});

it('a file of another version is not found', async () => {
  expect((await get(`${url}/graphql/assets/graphiql-0000000000000000.js`)).status).toBe(404);
});

it('the web client can ask whether GraphiQL is on; where it is off, there are no files of it', async () => {
  const [path] = await assetPaths();
  expect((await get(off + path)).status).toBe(404);
  expect((await get(`${url}/graphql/explorer`)).body.toString()).toBe('{"isOn":true}');
  expect((await get(`${off}/graphql/explorer`)).body.toString()).toBe('{"isOn":false}');
});
