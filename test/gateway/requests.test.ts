import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { exchange, type RawRequest, requestText, send } from '../support/raw-http.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeAll(async () => {
  running = await startGateway();
  ({ url } = running);
});
afterEach(() => expect(running.backstage.logger.lines.filter(({ level }) => level === 'error')).toEqual([]));
afterAll(() => running.gateway.stop());

const json = '{"query":"{ hello }"}';
const typed = ['Content-Type: application/json', `Content-Length: ${json.length}`];
const health = { target: '/health' };
const post: RawRequest = { method: 'POST', target: '/graphql', headers: typed, body: json };
/** A request whose body is framed by the given headers. */
const framed = (headers: string[], body = json, version = '1.1'): RawRequest => ({
  ...post,
  headers: ['Content-Type: application/json', ...headers],
  body,
  version,
});
const chunks = `${json.length.toString(16)}\r\n${json}\r\n0\r\n`;

/** Sends a request that is refused, and checks that the refusal can be read and found in the log. */
async function expectRefusal(request: RawRequest | string, status: number): Promise<Record<string, string>> {
  const { headers, body, ...response } = await send(url, request);
  expect(response.status).toBe(status);
  expect(headers).toMatchObject({
    'content-type': expect.stringMatching(/^(?:text\/plain|application\/json)/),
    'content-length': String(body.length),
    'cache-control': 'no-store',
    'x-request-id': expect.stringMatching(/./),
    date: expect.stringMatching(/GMT$/),
    connection: expect.stringMatching(/close/),
  });
  expect(body).toMatch(/\w.*\n$/);
  expect(body).not.toMatch(/node_modules|\.ts:|\.js:/);
  return headers;
}

describe('the header Host', () => {
  it.each([
    'x',
    'x:80',
    'x:',
    'x:0',
    'x:65535',
    '',
    '[::1]',
    '[::1]:4000',
    '127.0.0.1:4000',
    'a_b.example',
    'xn--bcher-kva',
    'x.',
  ])('may be "%s"', async (host) => {
    for (const target of ['/health', '/graphql?query={hello}'])
      expect((await send(url, { target, headers: [`Host: ${host}`] })).status).toBe(200);
  });

  it.each([
    'a b',
    'a<b>',
    'x:65536',
    'x:99999',
    'x:abc',
    'x:-1',
    ':80',
    ':',
    '::1',
    '[::1',
    '[::zz]',
    '[fe80::1%25eth0]',
    'u@x',
    'x/y',
    'x?y',
    'x#y',
    'x, y',
    ',',
    '*',
    '"x"',
    'a\\b',
    'a|b',
    'a^b',
    'http://x',
    'b\xfccher',
    '999.1.1.1',
    'a'.repeat(300),
    'x\r\nHost: x',
    'x\r\nHost: y',
  ])('may not be "%s"', async (host) => {
    await expectRefusal({ ...health, headers: [`Host: ${host}`] }, 400);
    await expectRefusal({ ...post, headers: [`Host: ${host}`, ...typed] }, 400);
  });

  it('is needed in HTTP/1.1, and not in HTTP/1.0', async () => {
    await expectRefusal('GET /health HTTP/1.1\r\nConnection: close\r\n\r\n', 400);
    expect((await send(url, 'GET /health HTTP/1.0\r\n\r\n')).status).toBe(200);
  });
});

describe('a request target', () => {
  it.each([
    ['/health', 200],
    ['/health?', 200],
    ['/health?a=%zz', 200],
    ['http://x/health', 200],
    ['HTTP://X/health', 200],
    ['http://[::1]:80/health', 200],
    ['https://x/health?x', 200],
    ['/health/', 404],
    ['//health', 404],
    ['/./health', 404],
    ['/../health', 404],
    ['/x/../health', 404],
    ['/%68ealth', 404],
    ['http://x/x/../health', 404],
    ['http://x//health', 404],
    ['/%2e%2e/%2e%2e/etc/passwd', 404],
    ['/..%2f..%2fpackage.json', 404],
    ['/graphql/x', 404],
    ['/.env', 404],
    ['/.git/config', 404],
    ['/%ff', 404],
    ['/"<>{}|^`', 404],
    ['/files', 404],
    ['/files/', 404],
    ['/files/x/file/y', 404],
    ['/avatars/', 404],
    ['/avatars/../health', 404],
  ])('%s is %i', async (target, status) => {
    expect((await send(url, { target })).status).toBe(status);
  });

  it.each([
    '/%',
    '/%zz',
    '/%E0%A4%A',
    '/%00',
    '/x%00.js',
    '/a\\b',
    '/\\..\\x',
    '/health#x',
    'http://u:p@x/health',
    'http:///health',
    'http://x:99999/',
    'http://a b/',
    'ftp://x/health',
    'ws://x/graphql',
    'file:///etc/passwd',
    'x:80',
    'health',
    '?x',
    '*',
    '/\xe9',
    '/a b',
    '/a\0b',
  ])('%j is refused', async (target) => {
    await expectRefusal({ target }, 400);
  });

  it('in absolute form has the authority that counts', async () => {
    const own = (origin: string) => ({
      target: 'http://own.example/graphql?query={hello}',
      headers: [`Origin: ${origin}`],
    });
    expect((await send(url, own('http://own.example'))).status).toBe(200);
    expect((await send(url, own('http://x'))).status).toBe(403);
  });

  it('may be * for OPTIONS', async () => {
    const { status, headers } = await send(url, { method: 'OPTIONS', target: '*' });
    expect([status, headers['allow']]).toEqual([204, 'GET, HEAD, POST, PUT, DELETE, OPTIONS']);
  });

  it('that is too long is 414', async () => {
    await expectRefusal({ target: `/${'a'.repeat(20_000)}` }, 414);
  });
});

describe('a request line', () => {
  it.each([
    ['GET /health HTTP/2.0', 505],
    ['GET /health HTTP/1.2', 505],
    ['GET /health HTTP/3', 505],
    ['PRI * HTTP/2.0', 505],
    ['GET /health', 505],
    ['GET /health http/1.1', 400],
    ['GET /health HTTP/1.1 ', 400],
    ['GET\t/health\tHTTP/1.1', 400],
    [' GET /health HTTP/1.1', 400],
    ['GET HTTP/1.1', 400],
    ['\x16\x03\x01\x02\x00', 400],
    ['SSH-2.0-OpenSSH', 400],
    ['get /health HTTP/1.1', 501],
    ['Get /health HTTP/1.1', 501],
    ['BREW /health HTTP/1.1', 501],
  ])('%j is %i', async (line, status) => {
    await expectRefusal(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`, status);
  });

  it('may follow an empty line', async () => {
    expect((await send(url, `\r\n${requestText(health)}`)).status).toBe(200);
  });
});

describe('a header section', () => {
  it.each<[string, string[], number]>([
    ['of a folded line', ['A: b', '  c'], 400],
    ['of a lone CR', ['A: b\rc'], 400],
    ['of a lone LF', ['A: b\nc'], 400],
    ['of a NUL', ['A: b\0c'], 400],
    ['of a name with a space', ['A b: c'], 400],
    ['of a space before the colon', ['A : b'], 400],
    ['of a line without a colon', ['abc'], 400],
    ['of an empty name', [': b'], 400],
    ['of many headers', Array.from({ length: 120 }, () => 'A: b'), 431],
    ['of many bytes', [`A: ${'b'.repeat(20_000)}`], 431],
    ['of an unknown expectation', ['Expect: miracles'], 417],
    ['of two expectations', ['Expect: 100-continue, miracles'], 417],
  ])('%s is refused', async (_name, headers, status) => {
    await expectRefusal({ ...health, headers }, status);
  });

  it('ends lines with CR and LF', async () => {
    await expectRefusal('GET /health HTTP/1.1\nHost: x\nConnection: close\n\n', 400);
  });
});

describe('a body', () => {
  it.each<[string, RawRequest, number]>([
    ['with two framings', framed(['Transfer-Encoding: chunked', 'Content-Length: 5'], `${chunks}\r\n`), 400],
    [
      'with two framings in the other order',
      framed(['Content-Length: 5', 'Transfer-Encoding: chunked'], `${chunks}\r\n`),
      400,
    ],
    ['with two lengths', framed(['Content-Length: 3', ...typed]), 400],
    ['with a list of lengths', framed([`Content-Length: ${json.length}, ${json.length}`]), 400],
    ['of a negative length', framed(['Content-Length: -1']), 400],
    ['of a length with a sign', framed(['Content-Length: +5']), 400],
    ['of a length that is no number', framed(['Content-Length: 0x5']), 400],
    ['of a length beyond all numbers', framed([`Content-Length: ${'9'.repeat(30)}`]), 400],
    ['in another transfer coding', framed(['Transfer-Encoding: gzip, chunked'], `${chunks}\r\n`), 501],
    ['in an unknown transfer coding', framed(['Transfer-Encoding: xchunked'], `${chunks}\r\n`), 501],
    ['in no transfer coding', framed(['Transfer-Encoding: identity'], `${chunks}\r\n`), 501],
    ['with chunked not last', framed(['Transfer-Encoding: chunked, identity'], `${chunks}\r\n`), 400],
    ['with chunked twice', framed(['Transfer-Encoding: chunked, chunked'], `${chunks}\r\n`), 400],
    ['in chunks by HTTP/1.0', framed(['Transfer-Encoding: chunked'], `${chunks}\r\n`, '1.0'), 400],
    ['of a malformed chunk', framed(['Transfer-Encoding: chunked'], `zz\r\n${chunks}\r\n`), 400],
    [
      'of a chunk beyond all numbers',
      framed(['Transfer-Encoding: chunked'], `${'f'.repeat(20)}\r\n${chunks}\r\n`),
      400,
    ],
    ['of a long chunk extension', framed(['Transfer-Encoding: chunked'], `1;${'a'.repeat(20_000)}\r\n`), 413],
    ['that is compressed', framed(['Content-Encoding: gzip', ...typed]), 415],
  ])('%s is refused', async (_name, request, status) => {
    await expectRefusal(request, status);
  });

  it.each<[string, RawRequest]>([
    ['in chunks', framed(['Transfer-Encoding: Chunked'], `${chunks}\r\n`)],
    ['in chunks with a trailer', framed(['Transfer-Encoding: chunked', 'Trailer: A'], `${chunks}A: b\r\n\r\n`)],
    [
      'in chunks with an extension',
      framed(['Transfer-Encoding: chunked'], `${chunks.replace('\r\n', ';a=b\r\n')}\r\n`),
    ],
    ['by HTTP/1.0', { ...post, version: '1.0' }],
    ['without a coding', framed(['Content-Encoding: identity', ...typed])],
    ['that no client waits with', { ...post, version: '1.0', headers: [...typed, 'Expect: 100-continue'] }],
  ])('%s is read', async (_name, request) => {
    const { status, body } = await send(url, request);
    expect([status, body]).toEqual([200, '{"data":{"hello":"Hello world"}}']);
  });

  it('is asked for by 100 Continue, unless its request is refused', async () => {
    const statuses = async (request: RawRequest) =>
      (await exchange(url, requestText(request))).map(({ status }) => status);
    const waiting = (...headers: string[]) => [...headers, 'Expect: 100-Continue'];
    expect(await statuses({ ...post, headers: waiting(...typed) })).toEqual([100, 200]);
    expect(await statuses({ ...health, headers: waiting() })).toEqual([200]);
    expect(await statuses({ ...post, method: 'PATCH', headers: waiting(...typed), body: '' })).toEqual([405]);
    const large = waiting('Content-Type: application/json', 'Content-Length: 99999999');
    expect(await statuses({ ...post, headers: large, body: '' })).toEqual([413]);
  });

  it('of a request that needs none is left out', async () => {
    const first = { headers: ['Connection: keep-alive', 'Content-Length: 5'], body: 'hello' };
    for (const [method, status] of [
      ['GET', 200],
      ['OPTIONS', 204],
    ] as const) {
      const responses = await exchange(url, requestText({ ...health, ...first, method }) + requestText(health));
      expect(responses.map((response) => response.status)).toEqual([status, 200]);
    }
  });
});

describe('requests that are pipelined', () => {
  const kept = (request: RawRequest) =>
    requestText({ ...request, headers: [...(request.headers ?? []), 'Connection: keep-alive'] });
  const statuses = async (text: string) => (await exchange(url, text)).map(({ status }) => status);

  it('are served in order', async () => {
    expect(await statuses(kept(health) + kept({ target: '/nothing.txt' }) + kept(post) + requestText(health))).toEqual([
      200, 404, 200, 200,
    ]);
  });

  it('are served before a malformed one is refused', async () => {
    expect(await statuses(`${kept(post)}nonsense\r\n\r\n`)).toEqual([200, 400]);
    expect(await statuses(`${kept(post)}BREW / HTTP/1.1\r\n\r\n`)).toEqual([200, 501]);
  });

  it('are served before CONNECT, and a malformed one is in the log under the id of its refusal', async () => {
    expect(await statuses(`${kept(post)}CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n`)).toEqual([200, 405]);
    running.backstage.logger.lines.length = 0;
    const { headers } = await send(url, 'nonsense\r\n\r\n');
    expect(running.backstage.logger.lines).toMatchObject([
      { level: 'info', facts: { requestId: headers['x-request-id'], status: 400, code: 'HPE_INVALID_METHOD' } },
    ]);
  });

  it('may be further apart than balancers keep a connection', async () => {
    const [first] = await exchange(url, kept(health) + requestText(health));
    expect(first?.headers).toMatchObject({ connection: 'keep-alive', 'keep-alive': 'timeout=65' });
  });

  it('end with the one that closes the connection', async () => {
    expect(await statuses(requestText(post) + requestText(health))).toEqual([200]);
    expect(await statuses(`${requestText(post)}\r\n`)).toEqual([200]);
  });
});

describe('a method', () => {
  const routes: [string, string][] = [
    ['/graphql', 'GET, HEAD, POST, PUT, DELETE, OPTIONS'],
    ...['/', '/health', '/ready', '/metrics', '/nothing.txt', '/avatars/x', '/files/x'].map(
      (path): [string, string] => [path, 'GET, HEAD, OPTIONS'],
    ),
  ];

  it.each(routes)('that %s does not support is 405, with those that it does', async (target, allow) => {
    for (const method of [
      'PATCH',
      'TRACE',
      'PROPFIND',
      'QUERY',
      ...(target === '/graphql' ? [] : ['POST', 'PUT', 'DELETE']),
    ])
      expect((await expectRefusal({ method, target }, 405))['allow']).toBe(allow);
    expect(await send(url, { method: 'OPTIONS', target })).toMatchObject({ status: 204, headers: { allow } });
  });

  it('CONNECT is 405', async () => {
    expect((await expectRefusal({ method: 'CONNECT', target: 'x:443' }, 405))['allow']).toContain('GET');
  });

  it.each([
    '/health',
    '/ready',
    '/metrics',
    '/',
    '/nothing.txt',
    '/avatars/x',
    '/files/x',
    '/graphql?query={hello}',
    '/graphql',
  ])('HEAD has the headers of GET and no body: %s', async (target) => {
    const [get, head] = await Promise.all([send(url, { target }), send(url, { method: 'HEAD', target })]);
    const own = { date: '', 'x-request-id': '' };
    expect(head).toEqual({ status: get.status, headers: expect.anything(), body: '' });
    expect({ ...head.headers, ...own }).toEqual({ ...get.headers, ...own });
    expect(get.headers['content-length']).toBe(String(get.body.length));
  });

  it('HEAD opens no stream', async () => {
    const target = '/graphql?query=subscription{forever}';
    const { headers } = await send(url, { method: 'HEAD', target, headers: ['Accept: text/event-stream'] });
    expect([headers['connection'], running.backstage.open]).toEqual(['close', 0]);
  });

  it.each(['text/event-stream', 'multipart/mixed'])(
    '%s ends with its connection if the client asks for that',
    async (type) => {
      const { headers } = await send(url, { target: '/graphql?query={hello}', headers: [`Accept: ${type}`] });
      expect([headers['connection'], headers['content-type']]).toEqual(['close', expect.stringContaining(type)]);
    },
  );
});

const upgrade = (protocol: string, connection = 'Upgrade') => [`Connection: ${connection}`, `Upgrade: ${protocol}`];

describe('an upgrade to another protocol', () => {
  it.each(['h2c', 'TLS/1.0', 'h2c, foo', 'websocket/13', ''])(
    'is ignored, and the connection stays open: %s',
    async (protocol) => {
      const settings = [...upgrade(protocol, 'Upgrade, HTTP2-Settings'), 'HTTP2-Settings: AAMAAABk'];
      const requests: RawRequest[] = [
        { ...post, headers: [...typed, ...settings] },
        framed(['Transfer-Encoding: chunked', ...settings], `${chunks}\r\n`),
        { ...health, headers: settings },
        { ...health, headers: settings, method: 'OPTIONS' },
        { target: '/nothing.txt', headers: settings },
      ];
      // One without an upgrade comes before those with one.
      const text = [{ ...post, headers: [...typed, 'Connection: keep-alive'] }, ...requests].map(requestText).join('');
      const responses = await exchange(url, text.repeat(4) + requestText(health));
      const expected = [200, 200, 200, 200, 204, 404];
      expect(responses.map(({ status }) => status)).toEqual([...expected, ...expected, ...expected, ...expected, 200]);
      expect(responses[2]?.body).toBe(responses[0]?.body);
    },
  );

  it.each<[string, RawRequest]>([
    ['by HTTP/1.0', { ...post, version: '1.0', headers: [...typed, ...upgrade('h2c')] }],
    ['by HTTP/1.0 to a WebSocket', { ...health, version: '1.0', headers: upgrade('websocket') }],
    ['that names none', { ...post, headers: [...typed, 'Connection: Upgrade, close'] }],
    ['that Connection does not name', { ...post, headers: [...typed, 'Upgrade: h2c'] }],
    ['of a connection to close', { ...post, headers: [...typed, ...upgrade('h2c', 'close, Upgrade')] }],
    ['to a WebSocket by POST', { ...post, headers: [...typed, ...upgrade('foo, websocket', 'close, Upgrade')] }],
  ])('is ignored %s', async (_name, request) => {
    expect((await send(url, request)).status).toBe(200);
  });
});

describe('a WebSocket', () => {
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
  const version = 'Sec-WebSocket-Version: 13';
  const handshake = (headers: readonly string[], target = '/graphql', protocol = 'websocket'): RawRequest => ({
    target,
    headers: [...upgrade(protocol), ...headers],
  });

  it.each(['websocket', 'WebSocket', 'foo, websocket', 'websocket, h2c', 'foo\r\nUpgrade: websocket'])(
    'may be asked for as %j',
    async (protocol) => {
      const mine = handshake([key, version, 'Sec-WebSocket-Protocol: nothing'], '/graphql', protocol);
      expect((await exchange(url, requestText(mine)))[0]).toMatchObject({
        status: 101,
        headers: { upgrade: 'websocket' },
      });
    },
  );

  it.each<[string, RawRequest, number]>([
    ['of another path', handshake([key, version], '/health'), 404],
    ['without a key', handshake([version]), 400],
    ['with a short key', handshake([version, 'Sec-WebSocket-Key: short']), 400],
    ['with a malformed subprotocol', handshake([key, version, 'Sec-WebSocket-Protocol: a,,b']), 400],
    ['with a body', { ...handshake([key, version, 'Content-Length: 5']), body: 'hello' }, 400],
    ['with an invalid Host', handshake([key, version, 'Host: a b']), 400],
    ['with two Hosts', handshake([key, version, 'Host: a', 'Host: b']), 400],
    ['of another origin', handshake([key, version, 'Origin: http://evil.example']), 403],
    ['of no origin', handshake([key, version, 'Origin: null']), 403],
    ['with many headers', handshake([key, version, ...Array.from({ length: 120 }, () => 'A: b')]), 431],
  ])('%s is refused', async (_name, request, status) => {
    await expectRefusal(request, status);
  });

  it.each(['12', '8', '99', '13, 8'])('of version %s is refused with the one that is supported', async (other) => {
    const headers = await expectRefusal(handshake([key, `Sec-WebSocket-Version: ${other}`]), 426);
    expect(headers).toMatchObject({ 'sec-websocket-version': '13', upgrade: 'websocket' });
  });
});
