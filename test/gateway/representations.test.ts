import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parseHttpDate } from '../../api/gateway/http/http-date.ts';
import type { Domain } from '../../schema/domain.ts';
import { startGateway } from '../support/gateway.ts';
import { exchange, type RawResponse, requestText, send } from '../support/raw-http.ts';

const id = '430a1ada-5326-44d0-a8af-87e6c9b0b198';
const signed = `expires=${Date.now() + 600_000}`;
const file = `/files/${id}/file/a.txt?${signed}`;
const emptyFile = `/files/${id}/thumbnail/a.txt?${signed}`;
const avatar = `/avatars/${id}`;
const asset = '/assets/app-1.js';
const content = '0123456789abcdefghij';
const filename = 'Grüße "é" 😀.txt';
const modified = Date.UTC(2026, 0, 4, 5, 6, 7);
const domain = {
  uploads: {
    maxBytes: 1_000,
    urls: { isValid: () => true },
    findFile: async (_id: string, variant: string) => {
      const size = variant === 'file' ? content.length : 0;
      return { key: variant, filename, mimetype: 'text/plain', size };
    },
    readUrl: async () => null,
    read: async (_key: string, { start, end }: { start: number; end: number }) =>
      Readable.from([Buffer.from(content.slice(start, end + 1))]),
  },
  avatars: {
    picture: async (userId: string) =>
      userId === id ? { type: 'image/webp', body: Buffer.from(content), etag: '"picture"' } : null,
  },
} as unknown as Domain;
let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;
let clientDir: string;

beforeAll(async () => {
  clientDir = await mkdtemp(join(tmpdir(), 'parley-client-'));
  await mkdir(join(clientDir, 'assets'));
  for (const [name, text] of [
    ['index.html', '<!doctype html><title>Parley</title>'],
    [asset, content],
    ['.hidden', 'hidden'],
    ['plain.svg', '<svg/>'],
    ['plain.ico', 'icon'],
  ] as const) {
    const path = join(clientDir, name);
    await writeFile(path, text);
    await utimes(path, new Date(), new Date(modified + 500));
    if (name.startsWith('plain.')) continue;
    await writeFile(`${path}.br`, brotliCompressSync(text));
    await writeFile(`${path}.gz`, gzipSync(text));
  }
  running = await startGateway({ clientDir, domain });
  ({ url } = running);
});
afterEach(() => expect(running.backstage.logger.lines.filter(({ level }) => level === 'error')).toEqual([]));
afterAll(async () => {
  await running.gateway.stop();
  await rm(clientDir, { recursive: true });
});

const get = (target: string, ...headers: string[]) => send(url, { target, headers });
const head = (target: string, ...headers: string[]) => send(url, { method: 'HEAD', target, headers });
const etagOf = async (target: string) => (await head(target)).headers['etag'] ?? '';
/** Headers that a 304 shares with the 200 (RFC 9110, section 15.4.5), and those that browsers replace by it. */
const kept = [
  'cache-control',
  'etag',
  'last-modified',
  'vary',
  'content-security-policy',
  'access-control-allow-origin',
];
const pick = ({ headers }: RawResponse) =>
  kept.map((name) => headers[name]?.replace(/max-age=\d{1,3}\b/, 'max-age=soon'));

describe.each([
  ['a page', '/'],
  ['an asset', asset],
  ['a picture', avatar],
  ['a file', file],
])('%s that a client has', (_name, target) => {
  it.each<[string, (etag: string) => string[]]>([
    ['its tag', (etag) => [`If-None-Match: ${etag}`]],
    ['its tag as a weak one', (etag) => [`If-None-Match: W/${etag}`]],
    ['a list of tags', (etag) => [`If-None-Match: "a,b", ${etag}, W/"c"`]],
    ['a list without spaces', (etag) => [`If-None-Match: "a",${etag}`]],
    ['tags in two headers', (etag) => ['If-None-Match: "a"', `If-None-Match: ${etag}`]],
    ['any tag', () => ['If-None-Match: *']],
    [
      'its tag and an old date',
      (etag) => [`If-None-Match: ${etag}`, 'If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT'],
    ],
    ['its tag twice', (etag) => [`If-Match: ${etag}`, `If-None-Match: ${etag}`]],
    ['its tag and a range', (etag) => [`If-None-Match: ${etag}`, 'Range: bytes=0-1']],
  ])('is 304 by %s', async (_how, headersOf) => {
    const headers = headersOf(await etagOf(target));
    for (const response of [await get(target, ...headers), await head(target, ...headers)]) {
      expect([response.status, response.body, response.headers['content-type']]).toEqual([304, '', undefined]);
      expect(pick(response)).toEqual(pick(await get(target)));
    }
  });

  it.each<[string, (etag: string) => string[]]>([
    ['another tag', () => ['If-None-Match: "other"']],
    ['a tag without quotes', (etag) => [`If-None-Match: ${etag.replaceAll('"', '')}`]],
    ['its tag within another', (etag) => [`If-None-Match: "a,${etag.slice(1)}`]],
    ['no tag', () => ['If-None-Match:']],
    [
      'another tag and a new date',
      () => ['If-None-Match: "other"', 'If-Modified-Since: Wed, 01 Jan 2031 00:00:00 GMT'],
    ],
    ['a date that is none', () => ['If-Modified-Since: 2031-01-01T00:00:00Z']],
    ['its tag to match', (etag) => [`If-Match: "a", ${etag}`]],
    ['any tag to match', () => ['If-Match: *']],
    [
      'its tag to match, and an old date',
      (etag) => [`If-Match: ${etag}`, 'If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT'],
    ],
    ['a date to match that is none', () => ['If-Unmodified-Since: yesterday']],
  ])('is sent as a whole by %s', async (_how, headersOf) => {
    expect((await get(target, ...headersOf(await etagOf(target)))).status).toBe(200);
  });

  it.each<[string, (etag: string) => string[]]>([
    ['another tag', () => ['If-Match: "other"']],
    ['a weak tag', (etag) => [`If-Match: W/${etag}`]],
    [
      'another tag before other headers',
      (etag) => ['If-Match: "other"', `If-None-Match: ${etag}`, 'Range: bytes=999-'],
    ],
  ])('is 412 by %s to match', async (_how, headersOf) => {
    expect((await get(target, ...headersOf(await etagOf(target)))).status).toBe(412);
  });

  it('is not 304 by a method that it does not support', async () => {
    expect((await send(url, { method: 'POST', target, headers: ['If-None-Match: *'] })).status).toBe(405);
  });
});

describe('the date of a page', () => {
  const at = (offset: number) => new Date(modified + offset * 1_000).toUTCString();

  it.each([
    [`If-Modified-Since: ${at(0)}`, 304],
    [`If-Modified-Since: ${at(86_400)}`, 304],
    [`If-Modified-Since: ${at(-1)}`, 200],
    ['If-Modified-Since: Sunday, 04-Jan-26 05:06:07 GMT', 304],
    ['If-Modified-Since: Sun Jan  4 05:06:07 2026', 304],
    [`If-Unmodified-Since: ${at(0)}`, 200],
    [`If-Unmodified-Since: ${at(-1)}`, 412],
  ])('%s: %i', async (header, status) => {
    expect((await get('/', header)).status).toBe(status);
  });

  it('is no precondition where it is unknown', async () => {
    for (const header of [`If-Modified-Since: ${at(86_400)}`, `If-Unmodified-Since: ${at(-1)}`])
      expect((await get(file, header)).status).toBe(200);
  });

  it.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', '1994-11-06T08:49:37.000Z'],
    ['Sunday, 06-Nov-94 08:49:37 GMT', '1994-11-06T08:49:37.000Z'],
    ['Sun Nov  6 08:49:37 1994', '1994-11-06T08:49:37.000Z'],
    ['Sun Nov 16 08:49:37 1994', '1994-11-16T08:49:37.000Z'],
    ['Wednesday, 01-Jan-31 00:00:00 GMT', '2031-01-01T00:00:00.000Z'],
    ['Thu, 31 Dec 1998 23:59:60 GMT', '1999-01-01T00:00:00.000Z'],
  ])('is read from %s', (text, expected) => {
    expect(new Date(parseHttpDate(text) ?? 0).toISOString()).toBe(expected);
  });

  it.each([
    '',
    'yesterday',
    '0',
    '1994-11-06',
    'Sun, 06 Nov 1994 08:49:37 CET',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Sun, 06 Foo 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Foo, 06 Nov 1994 08:49:37 GMT',
  ])('is not read from "%s"', (text) => expect(parseHttpDate(text)).toBeNull());
});

describe.each([
  ['an asset', asset],
  ['a picture', avatar],
  ['a file', file],
])('a range of %s', (_name, target) => {
  it.each([
    ['bytes=0-4', '0-4'],
    ['bytes=5-', '5-19'],
    ['bytes=-5', '15-19'],
    ['bytes=-999', '0-19'],
    ['bytes=0-0', '0-0'],
    ['bytes=0-99999999999999999999999', '0-19'],
    ['BYTES=0-4', '0-4'],
    ['bytes=,0-1', '0-1'],
    ['bytes= 0-1 ,', '0-1'],
    ['bytes=0-1,999-', '0-1'],
  ])('%s is sent: %s', async (range, sent) => {
    const { status, headers, body } = await get(target, `Range: ${range}`);
    const [start = 0, end = 0] = sent.split('-').map(Number);
    expect([status, headers['content-range'], body]).toEqual([206, `bytes ${sent}/20`, content.slice(start, end + 1)]);
    expect(headers['content-length']).toBe(String(body.length));
  });

  it.each(['bytes=20-', 'bytes=-0', 'bytes=99999999999999999999999-', 'bytes=20-30,40-'])(
    '%s is 416',
    async (range) => {
      const { status, headers } = await get(target, `Range: ${range}`);
      expect([status, headers['content-range']]).toEqual([416, 'bytes */20']);
    },
  );

  it.each([
    'lines=0-4',
    '0-4',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=abc',
    'bytes=5-2',
    'bytes=--5',
    'bytes=+1-4',
    'bytes=0.5-4',
    'bytes=0x1-4',
    'bytes = 0-4',
    'bytes=0 - 4',
    'bytes=0-1,x',
    'bytes=0-1,3-4',
    `bytes=${Array.from({ length: 999 }, () => '0-').join()}`,
    'bytes=0-1\r\nRange: bytes=3-4',
  ])('that is %j is ignored', async (range) => {
    expect(await get(target, `Range: ${range}`)).toMatchObject({ status: 200, body: content });
  });

  it('is ignored by HEAD', async () => {
    for (const range of ['bytes=0-4', 'bytes=99-'])
      expect(await head(target, `Range: ${range}`)).toMatchObject({ status: 200, headers: { 'content-length': '20' } });
  });

  it('is sent if the client has the rest of this version', async () => {
    const etag = await etagOf(target);
    const statusOf = async (condition: string) =>
      (await get(target, 'Range: bytes=0-4', `If-Range: ${condition}`)).status;
    expect(await statusOf(etag)).toBe(206);
    for (const other of ['"other"', `W/${etag}`, 'yesterday', 'Sun, 06 Nov 1994 08:49:37 GMT'])
      expect(await statusOf(other), other).toBe(200);
    expect((await get(target, 'Range: bytes=99-', 'If-Range: "other"')).status).toBe(200);
    expect(await statusOf(new Date(modified).toUTCString())).toBe(target === asset ? 206 : 200);
  });
});

it.each(['bytes=0-', 'bytes=-1', 'bytes=0-0,-1'])('a range of an empty file is the whole file: %s', async (range) => {
  expect(await get(emptyFile, `Range: ${range}`)).toMatchObject({
    status: 200,
    headers: { 'content-length': '0' },
    body: '',
  });
});

describe('the coding of an asset', () => {
  it.each([
    [['gzip'], 'gzip'],
    [['br'], 'br'],
    [['gzip, deflate, br, zstd'], 'br'],
    [['gzip;q=1, br;q=0.5'], 'gzip'],
    [['br;q=0, gzip'], 'gzip'],
    [['gzip;q=0, *'], 'br'],
    [['*'], 'br'],
    [['GZIP'], 'gzip'],
    [['x-gzip'], 'gzip'],
    [['identity;q=0, gzip'], 'gzip'],
    [['deflate', 'gzip'], 'gzip'],
    [['gzip;q=0'], undefined],
    [['br;q=0.000'], undefined],
    [['gzip;q=foo'], undefined],
    [['identity'], undefined],
    [['gzipped, abr'], undefined],
    [['zstd'], undefined],
    [[''], undefined],
    [[], undefined],
  ])('accepted as %j is %s', async (accepted, coding) => {
    const { status, headers } = await get(asset, ...accepted.map((value) => `Accept-Encoding: ${value}`));
    expect([status, headers['content-encoding'], headers['vary']]).toEqual([200, coding, 'Accept-Encoding']);
    expect(headers['etag']).toMatch(coding === undefined ? /^"[\w-]{22}"$/ : new RegExp(`^"[\\w-]{22}-${coding}"$`));
  });

  it.each(['identity;q=0', '*;q=0', 'identity;q=0, *;q=0, foo'])('is 406 if none is accepted: %s', async (accepted) => {
    expect((await get(asset, `Accept-Encoding: ${accepted}`)).status).toBe(406);
  });

  it('has ranges of its own', async () => {
    const whole = await get(asset, 'Accept-Encoding: gzip');
    const part = await get(asset, 'Accept-Encoding: gzip', 'Range: bytes=2-9', `If-Range: ${whole.headers['etag']}`);
    expect([part.status, part.body]).toEqual([206, whole.body.slice(2, 10)]);
    expect(gunzipSync(Buffer.from(whole.body, 'latin1')).toString()).toBe(content);
  });

  it('is none where the build stored none', async () => {
    const { headers, body } = await get('/plain.svg', 'Accept-Encoding: br');
    expect([headers['content-encoding'], headers['vary'], body]).toEqual([undefined, undefined, '<svg/>']);
  });

  it.each([
    ['/plain.svg', 'image/svg+xml'],
    ['/plain.ico', 'image/x-icon'],
    [asset, 'text/javascript; charset=utf-8'],
  ])('is of a file with its type: %s', async (path, type) => {
    expect((await get(path)).headers['content-type']).toBe(type);
  });
});

describe('GraphiQL', () => {
  it('is compressed for clients that accept gzip alone', async () => {
    const html = ['Accept: text/html'];
    const [compressed, plain, same] = [
      await head('/graphql', ...html, 'Accept-Encoding: gzip'),
      await head('/graphql', ...html, 'Accept-Encoding: gzip;q=0'),
      await get('/graphql', ...html, 'Range: bytes=0-20'),
    ];
    expect([compressed.headers['content-encoding'], plain.headers['content-encoding']]).toEqual(['gzip', undefined]);
    expect(compressed.headers['etag']).not.toBe(plain.headers['etag']);
    expect(same).toMatchObject({ status: 206, body: expect.stringContaining('<!doctype') });
    expect(same.headers['content-range']).toBe(`bytes 0-20/${plain.headers['content-length']}`);
    expect((await get('/graphql', ...html, `If-None-Match: ${plain.headers['etag']}`)).status).toBe(304);
  });
});

describe('a path without a file', () => {
  it.each([
    ['/rooms', 'text/html', 200],
    ['/rooms/1/', 'text/html, */*;q=0.8', 200],
    ['/rooms/1/', '*/*', 404],
    ['/rooms', '', 404],
    ['/rooms', 'application/json', 404],
    ['/rooms', 'text/html;q=0, application/json', 404],
    ['/rooms', 'application/json, text/html;q=0.9', 404],
    ['/assets/app-0.js', 'text/html', 404],
    ['/assets/', 'text/html', 404],
    ['/assets', 'text/html', 404],
    [`${asset}/`, 'text/html', 404],
    [`${asset}.br`, 'text/html', 404],
    ['/.hidden', 'text/html', 404],
    ['/rooms//1', 'text/html', 404],
    [`/${'a'.repeat(5_000)}!`, 'text/html', 404],
    [`${'/a'.repeat(2_000)}!`, 'text/html', 404],
    ['/rooms/../1', 'text/html', 404],
    ['/favicon.ico', 'text/html', 404],
  ])('%s for %s is %i', async (target, accept, status) => {
    const { headers, body, ...response } = await get(target, `Accept: ${accept}`);
    expect(response.status).toBe(status);
    const isJson = status === 404 && /^application\/json/.test(accept.replace('text/html;q=0, ', ''));
    expect(headers['content-type']).toMatch(status === 200 ? 'text/html' : isJson ? 'application/json' : 'text/plain');
    expect([headers['cache-control'], headers['vary']?.includes('Accept')]).toEqual([
      status === 200 ? 'no-cache' : 'no-store',
      true,
    ]);
    if (isJson) expect(JSON.parse(body)).toMatchObject({ errors: [{ extensions: { code: 'NOT_FOUND' } }] });
  });

  it('is another thing than an asset, which is cached for good', async () => {
    expect((await get(`${asset}?v=1`)).headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect((await get('/index.html')).headers['cache-control']).toBe('no-cache');
  });
});

it('the name of a file is sent in both forms of Content-Disposition', async () => {
  const { headers } = await get(file);
  expect(headers['content-disposition']).toMatch(
    /^inline; filename="Gr\?\?e \\"\?\\" \?.*\.txt"; filename\*=UTF-8''Gr%C3%BC%C3%9Fe%20%22%C3%A9%22/,
  );
});

describe('a page of another origin', () => {
  const origin = 'Origin: https://other.example';
  const preflight = (target: string, ...headers: string[]) =>
    send(url, { method: 'OPTIONS', target, headers: [origin, 'Access-Control-Request-Method: GET', ...headers] });

  it.each([file, avatar])('may embed and read %s, with its headers, from a cache of all pages', async (target) => {
    for (const from of [[origin], ['Origin: null'], []]) {
      const { headers } = await get(target, ...from);
      expect(headers).toMatchObject({
        'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
      });
      expect(headers['vary']).toBeUndefined();
      expect(headers['access-control-expose-headers']).toContain('Content-Range');
    }
    const { status, headers } = await preflight(
      target,
      'Access-Control-Request-Headers: range, x-a,b c, \xfc',
      'Access-Control-Request-Private-Network: true',
    );
    expect(status).toBe(204);
    expect(headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers': 'range, x-a',
      'access-control-allow-private-network': 'true',
      'access-control-max-age': '7200',
      vary: expect.stringContaining('Access-Control-Request-Headers'),
    });
  });

  it.each(['/graphql', '/', '/health'])('may not use %s', async (target) => {
    const { headers, status } = await preflight(target);
    expect([status, headers['access-control-allow-origin']]).toEqual([target === '/graphql' ? 403 : 204, undefined]);
  });

  it('may use the API if it is allowed, also one without an origin', async () => {
    const open = await startGateway({ allowedOrigins: ['*'] });
    for (const from of ['https://other.example', 'null']) {
      const asked = [`Origin: ${from}`, 'Access-Control-Request-Method: POST'];
      const { headers } = await send(open.url, { method: 'OPTIONS', target: '/graphql', headers: asked });
      expect(headers).toMatchObject({ 'access-control-allow-origin': from, vary: expect.stringContaining('Origin') });
      expect(headers['access-control-allow-private-network']).toBeUndefined();
    }
    await open.gateway.stop();
  });

  it('may read why a request is refused, and when to try again', async () => {
    const open = await startGateway({ allowedOrigins: ['*'], domain });
    const json = 'Content-Type: application/json';
    const target = '/graphql';
    for (const [status, request] of [
      [200, { method: 'POST', target, headers: [json, 'Content-Length: 24'], body: '{"query":"{__typename}"}' }],
      [405, { method: 'PATCH', target }],
      [406, { target: `${target}?query=a`, headers: ['Accept: image/png'] }],
      [415, { method: 'POST', target, headers: ['Content-Type: text/plain'] }],
      [404, { target: '/avatars/unknown' }],
      [404, { target: '/files/unknown' }],
    ] as const) {
      const headers = [origin, ...('headers' in request ? request.headers : [])];
      const response = await send(open.url, { ...request, headers });
      expect(response.status).toBe(status);
      expect(response.headers['access-control-allow-origin']).toMatch(/^(?:\*|https:\/\/other\.example)$/);
      expect(response.headers['access-control-expose-headers']).toContain('Retry-After');
    }
    await open.gateway.stop();
  });

  it('may follow the redirect to the store', async () => {
    const redirecting = { ...domain, uploads: { ...domain.uploads, readUrl: async () => 'https://store.example/a' } };
    const store = await startGateway({ domain: redirecting });
    const { status, headers } = await send(store.url, { target: file, headers: [origin] });
    expect([status, headers['location'], headers['access-control-allow-origin'], headers['cache-control']]).toEqual([
      307,
      'https://store.example/a',
      '*',
      'private, no-store',
    ]);
    await store.gateway.stop();
  });
});

describe('a service that hangs', () => {
  const never = () => new Promise<never>(() => {});

  it.each<[string, object, string]>([
    ['the database, for a file', { uploads: { ...domain.uploads, findFile: never } }, file],
    ['the store, for a file', { uploads: { ...domain.uploads, read: never } }, file],
    ['the store, for its URL', { uploads: { ...domain.uploads, readUrl: never } }, file],
    ['the database, for a picture', { avatars: { picture: never } }, avatar],
  ])('costs a request its time, and then gives 503: %s', async (_name, hung, target) => {
    const { gateway, ...other } = await startGateway({
      domain: { ...domain, ...hung } as Domain,
      executionTimeoutMs: 30,
    });
    expect(await send(other.url, { target })).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    await gateway.stop();
  });

  it('within a file ends the response before its length', async () => {
    let stream: Readable | undefined;
    const read = async () => {
      stream = new Readable({ read() {} });
      stream.push('01');
      return stream;
    };
    const uploads = { ...domain.uploads, read };
    const { gateway, ...other } = await startGateway({
      domain: { ...domain, uploads } as Domain,
      executionTimeoutMs: 30,
    });
    const { headers, body } = await send(other.url, { target: file });
    expect([headers['content-length'], body, stream?.destroyed]).toEqual(['20', '01', true]);
    await gateway.stop();
  });

  it('is told from a file that is shorter than it should be, which closes the connection', async () => {
    const uploads = { ...domain.uploads, read: async () => Readable.from([Buffer.from('012')]) };
    const { gateway, ...other } = await startGateway({ domain: { ...domain, uploads } as Domain });
    const first = requestText({ target: file, headers: ['Connection: keep-alive'] });
    const [response, ...others] = await exchange(other.url, first + requestText({ target: '/health' }));
    expect([response?.headers['content-length'], response?.body, others]).toEqual(['20', '012', []]);
    await gateway.stop();
  });

  it('opens no stream for a request that is over', async () => {
    let opened: ((stream: Readable) => void) | undefined;
    const read = () =>
      new Promise<Readable>((resolve) => {
        opened = resolve;
      });
    const uploads = { ...domain.uploads, read };
    const { gateway, ...other } = await startGateway({
      domain: { ...domain, uploads } as Domain,
      executionTimeoutMs: 30,
    });
    expect((await send(other.url, { target: file })).status).toBe(503);
    const late = Readable.from(['late']);
    const closed = new Promise((resolve) => late.once('close', resolve));
    opened?.(late);
    await closed;
    await gateway.stop();
  });
});
