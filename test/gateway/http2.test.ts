import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { connect } from 'node:tls';
import { createSchema } from 'graphql-yoga';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { ByteRange } from '../../api/infra/objects/objects.ts';
import { generateStream } from '../../api/live/stream.ts';
import type { Context } from '../../schema/context.ts';
import type { Domain } from '../../schema/domain.ts';
import { startApp } from '../support/app.ts';
import { makeCertificate } from '../support/certificate.ts';
import { startGateway } from '../support/gateway.ts';
import { begin, connectHttp2, type Http2Request, read, sendHttp2 } from '../support/http2-client.ts';
import { send } from '../support/raw-http.ts';
import { uploadQuery } from '../support/upload.ts';

type Gateway = Awaited<ReturnType<typeof startGateway>>;

let directory: string;
let tls: { cert: string; key: string };
let running: Gateway;
let session: ClientHttp2Session;
const warnings: string[] = [];
const onWarning = ({ message }: Error) => warnings.push(message);

beforeAll(async () => {
  process.on('warning', onWarning);
  directory = await mkdtemp(join(tmpdir(), 'parley-http2-'));
  const { certificate, key } = await makeCertificate({ cwd: directory });
  tls = { cert: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') };
  running = await start();
  session = await connectHttp2(running.url);
});
afterEach(() => {
  expect(running.backstage.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  expect(warnings).toEqual([]);
});
afterAll(async () => {
  session.close();
  await running.gateway.stop();
  await rm(directory, { recursive: true });
  process.off('warning', onWarning);
});

async function start(options: Parameters<typeof startGateway>[0] = {}): Promise<Gateway> {
  const started = await startGateway({ tls, ...options });
  return { ...started, url: started.url.replace('http:', 'https:') };
}

const json = { 'content-type': 'application/json' };
const post = (query: string, headers = {}) => ({
  method: 'POST',
  target: '/graphql',
  headers: { ...json, ...headers },
  body: JSON.stringify({ query }),
});
const subscribe = (query: string) => post(query, { accept: 'text/event-stream' });

/** Resolves once the text of a stream contains a text. Reads no further than that. */
function until(stream: ClientHttp2Stream, text: string): Promise<void> {
  return new Promise((resolve) => {
    let seen = '';
    const onData = (chunk: Buffer) => {
      seen += chunk.toString();
      if (!seen.includes(text)) return;
      stream.off('data', onData);
      resolve();
    };
    stream.on('data', onData);
  });
}

/** Resolves with the code of the reset when a stream has closed. */
const closed = (stream: ClientHttp2Stream) =>
  new Promise<number>((resolve) => stream.once('close', () => resolve(stream.rstCode ?? 0)));

/** Opens a connection of its own to a gateway that stops with the test. */
async function withGateway(
  options: Parameters<typeof startGateway>[0],
  test: (given: Gateway & { session: ClientHttp2Session }) => Promise<void>,
): Promise<void> {
  const started = await start(options);
  const own = await connectHttp2(started.url);
  try {
    await test({ ...started, session: own });
  } finally {
    own.destroy();
    await started.gateway.stop();
  }
}

describe('over HTTP/2', () => {
  it('queries, mutations, batches and errors have the responses that they have over HTTP/1.1', async () => {
    const requests = [
      post('{ hello }'),
      post('mutation { touch }'),
      post('{ conflict }'),
      post('{ nothing }'),
      post('{ hello }', { accept: 'text/html' }),
      { ...post(''), body: JSON.stringify([{ query: '{ hello }' }, { query: '{ hello }' }]) },
      { ...post(''), body: '{' },
      { ...post(''), headers: { 'content-type': 'text/plain' } },
      { target: '/graphql?query={hello}' },
      { target: '/graphql?query={hello}', method: 'HEAD' },
      { target: '/graphql', method: 'OPTIONS' },
      { target: '/graphql', method: 'DELETE' },
      { target: '/health' },
      { target: '/schema.graphql', headers: { range: 'bytes=0-9' } },
      { target: '/nowhere' },
      { target: '/%zz' },
      { target: '*', method: 'OPTIONS' },
    ];
    for (const request of requests) {
      const { headers = {}, body = '' } = { body: '', ...request };
      const lines = Object.entries({ ...headers, ...(body ? { 'content-length': Buffer.byteLength(body) } : {}) });
      const older = await send(running.url, {
        ...request,
        headers: [...lines.map(([name, value]) => `${name}: ${String(value)}`), `Host: ${new URL(running.url).host}`],
      });
      const newer = await sendHttp2(session, request);
      // The reader of HTTP/1.1 keeps the last of several headers.
      const { vary = '', date: _date, 'x-request-id': _id, ...headersOfNewer } = newer.headers;
      const { vary: lastVary = '', connection, date, 'x-request-id': _other, ...headersOfOlder } = older.headers;
      expect([connection, typeof date, vary.endsWith(lastVary)]).toEqual(['close', 'string', true]);
      expect({ ...newer, headers: headersOfNewer }).toEqual({ ...older, headers: headersOfOlder });
    }
  });

  it('20 streams of events share a connection with queries', async () => {
    const streams = Array.from({ length: 20 }, () => begin(session, subscribe('subscription { typing }')));
    await vi.waitFor(() => expect(running.backstage.open).toBe(20));
    const arrived = Promise.all(streams.map((stream) => until(stream, '"typing":1')));
    running.backstage.signal();
    await arrived;
    expect(JSON.parse((await sendHttp2(session, post('{ hello }'))).body)).toEqual({ data: { hello: 'Hello world' } });
    for (const stream of streams) stream.close();
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });

  it('the body of a request by GET does not wait in memory', async () => {
    const stream = session.request(
      { ':path': '/graphql?query=subscription{typing}', accept: 'text/event-stream' },
      { endStream: false },
    );
    stream.on('error', () => {});
    stream.resume().end(Buffer.alloc(1_000_000));
    await once(stream, 'finish');
    stream.close();
  });

  it('a client that does not read a stream is disconnected from it alone', async () => {
    await withGateway({ idleMs: 300 }, async ({ session, backstage }) => {
      const stalled = begin(session, subscribe('subscription { flood }'));
      const reset = closed(stalled);
      const live = begin(session, subscribe('subscription { typing }'));
      live.resume();
      await vi.waitFor(() => expect(backstage.open).toBe(2));
      const signals = setInterval(backstage.signal, 20);
      await vi.waitFor(() => expect(backstage.open).toBe(1));
      clearInterval(signals);
      // The windows of the client, and a part that waits for them.
      expect(backstage.pulled).toBeLessThan(20);
      const arrived = until(live, 'next');
      backstage.signal();
      await arrived;
      expect(await sendHttp2(session, post('{ hello }'))).toMatchObject({ status: 200 });
      stalled.resume();
      expect(await reset).toBe(constants.NGHTTP2_CANCEL);
    });
  });

  it('a client that reads a large response slowly is not disconnected as long as it reads', async () => {
    const schema = createSchema<Context>({
      typeDefs: 'type Query { large: String! }',
      resolvers: { Query: { large: () => 'x'.repeat(600_000) } },
    });
    await withGateway({ idleMs: 500, schema }, async ({ session }) => {
      const stream = begin(session, post('{ large }'));
      let length = 0;
      stream.on('data', (chunk: Buffer) => {
        length += chunk.length;
        stream.pause();
      });
      const reading = setInterval(() => stream.resume(), 20);
      await once(stream, 'end');
      clearInterval(reading);
      expect(length).toBe(600_000 + '{"data":{"large":""}}'.length);
    });
  });

  it('connections without a stream make room for others', async () => {
    await withGateway({ maxTcpConnections: 1 }, async ({ session, url }) => {
      const closing = once(session, 'close');
      await expect(connectHttp2(url)).rejects.toThrow();
      await closing;
      const other = await vi.waitFor(() => connectHttp2(url));
      expect(await sendHttp2(other, post('{ hello }'))).toMatchObject({ status: 200 });
      other.destroy();
    });
  });

  it('streams count in the bounds of their address', async () => {
    await withGateway({ maxConnectionsPerAddress: 2 }, async ({ session, backstage }) => {
      for (let n = 0; n < 2; n++) begin(session, subscribe('subscription { typing }')).resume();
      await vi.waitFor(() => expect(backstage.open).toBe(2));
      expect((await sendHttp2(session, subscribe('subscription { typing }'))).body).toContain('UNAVAILABLE');
    });
  });

  it('concurrent requests are bounded as connections are, and those above can be sent again', async () => {
    const refused: string[] = [];
    const bounds = { maxTcpConnectionsPerAddress: 3, onRefused: (name: string) => refused.push(name) };
    await withGateway(bounds, async ({ session, backstage }) => {
      const streams = [1, 2, 3].map(() => begin(session, subscribe('subscription { typing }')));
      await vi.waitFor(() => expect(backstage.open).toBe(3));
      const code = `code ${constants.NGHTTP2_REFUSED_STREAM}`;
      await expect(sendHttp2(session, post('{ hello }'))).rejects.toThrow(code);
      expect(refused).toEqual(['http2-streams']);
      streams[0]?.close();
      await vi.waitFor(() => expect(backstage.open).toBe(2));
      expect(await sendHttp2(session, post('{ hello }'))).toMatchObject({ status: 200 });
    });
  });

  it('an expectation is met, and CONNECT is refused', async () => {
    const waiting = session.request({ ':method': 'POST', ':path': '/graphql', expect: '100-continue', ...json });
    await once(waiting, 'continue');
    waiting.end(JSON.stringify({ query: '{ hello }' }));
    expect(await read(waiting)).toMatchObject({ status: 200 });
    const refused = await sendHttp2(session, { target: '/health', headers: { expect: 'wonders' } });
    expect(refused.status).toBe(417);
    const tunnel = session.request({ ':method': 'CONNECT', ':authority': 'example.org:80' });
    expect((await once(tunnel, 'response'))[0]).toMatchObject({ ':status': 405 });
    tunnel.destroy();
  });

  it('WebSockets and HTTP/1.1 are on the same port', async () => {
    expect(await send(running.url, { target: '/health' })).toMatchObject({ status: 200 });
    const socket = new WebSocket(`${running.url.replace('https', 'wss')}/graphql`, 'graphql-transport-ws', {
      rejectUnauthorized: false,
    });
    await once(socket, 'open');
    socket.send('{"type":"connection_init"}');
    expect(String((await once(socket, 'message'))[0])).toContain('connection_ack');
    socket.terminate();
  });
});

describe('a malformed request over HTTP/2', () => {
  it('is refused for a Host that is not its authority, and for too many headers', async () => {
    const { host: authority } = new URL(running.url);
    const probe = (host: string) =>
      sendHttp2(session, { target: '/health', headers: { ':authority': authority, host } });
    const host = await probe('other.example');
    expect([host.status, host.body]).toEqual([400, expect.stringContaining('Host')]);
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`x-${n}`, '1']));
    expect(await sendHttp2(session, { target: '/health', headers: many })).toMatchObject({ status: 431 });
    expect(await probe(authority)).toMatchObject({ status: 200 });
  });

  it.each([
    ['large', { 'x-large': 'x'.repeat(17_000) }],
    ['many', Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`x-${n}`, '1']))],
  ])('has its stream reset if its headers are too %s', async (_name, headers) => {
    await expect(sendHttp2(session, { target: '/health', headers })).rejects.toThrow(
      `code ${constants.NGHTTP2_ENHANCE_YOUR_CALM}`,
    );
    expect(await sendHttp2(session, { target: '/health' })).toMatchObject({ status: 200 });
  });

  it('of which the body stalls, or arrives too slowly beside another one, has its stream reset', async () => {
    const bounds = { idleMs: 300, minBodyRate: 1_000_000, bodyWindowMs: 200 };
    for (const [name, chunk, settings] of [
      ['stalls', '', { idleMs: 300 }],
      ['is slow', 'x', { ...bounds, idleMs: 60_000 }],
    ] as const)
      await withGateway(settings, async ({ session }) => {
        const target = '/graphql';
        const stream = session.request({ ':method': 'POST', ':path': target, ...json });
        stream.on('error', () => {});
        const sending = setInterval(() => chunk && stream.write(chunk), 20);
        const code = await closed(stream);
        clearInterval(sending);
        expect([name, code]).toEqual([name, constants.NGHTTP2_CANCEL]);
        expect(await sendHttp2(session, post('{ hello }'))).toMatchObject({ status: 200 });
      });
  });

  it('keeps its refusal when the rest of its body is not wanted', async () => {
    const stream = session.request({ ':method': 'POST', ':path': '/graphql', 'content-type': 'text/plain' });
    stream.write('{');
    const reset = closed(stream.resume());
    expect((await once(stream, 'response'))[0]).toMatchObject({ ':status': 415 });
    expect(await reset).toBe(constants.NGHTTP2_NO_ERROR);
  });

  it('whose body breaks off is not executed', async () => {
    await withGateway({}, async ({ session, backstage }) => {
      const form = { 'content-type': 'application/x-www-form-urlencoded', 'graphql-require-preflight': '1' };
      const stream = session.request({ ':method': 'POST', ':path': '/graphql', ...form });
      stream.on('error', () => {});
      stream.write(new URLSearchParams({ query: 'mutation BrokenOff { touch }' }).toString());
      await sendHttp2(session, post('{ hello }'));
      session.destroy();
      const logged = () => backstage.logger.lines.filter(({ message }) => message === 'request').at(-1)?.facts;
      await vi.waitFor(() => expect(logged()).toMatchObject({ path: '/graphql', aborted: true }));
      expect(logged()).not.toHaveProperty('operations');
      expect(backstage.logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
    });
  });
});

/** Yields nothing until its reader leaves. */
async function* silence(signal: AbortSignal): AsyncGenerator<number, void> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
}

/** Opens streams and breaks them off. Resolves when the response to a further request has arrived, or cannot arrive. */
async function breakOff(session: ClientHttp2Session): Promise<void> {
  for (let n = 0; n < 20; n++) begin(session, post('{ hello }')).close(constants.NGHTTP2_CANCEL);
  await sendHttp2(session, post('{ hello }')).catch(() => {});
}

const ping = (session: ClientHttp2Session) => new Promise((resolve) => session.ping(resolve));
const configure = (session: ClientHttp2Session) => new Promise((resolve) => session.settings({}, resolve));

describe('a connection over HTTP/2 is closed', () => {
  it.each([
    ['that opens streams and breaks them off', 'http2-resets', breakOff],
    ['that floods with PING', 'http2-control-frames', ping],
    ['that floods with SETTINGS', 'http2-control-frames', configure],
  ])('%s, and others are not', async (_name, limit, strike) => {
    const refused: string[] = [];
    await withGateway({ onRefused: (name) => refused.push(name) }, async ({ session, url }) => {
      const codes: number[] = [];
      session.on('goaway', (code) => codes.push(code));
      const end = new Promise((resolve) => session.once('close', resolve));
      while (!session.closed && !session.destroyed) await Promise.race([strike(session), end]);
      await end;
      expect([codes[0], refused]).toEqual([constants.NGHTTP2_ENHANCE_YOUR_CALM, [limit]]);
      const other = await connectHttp2(url);
      expect(await sendHttp2(other, post('{ hello }'))).toMatchObject({ status: 200 });
      other.destroy();
    });
  });

  it.each([
    ['does not acknowledge PING', ''],
    ['has sent a body after the end of its request', '0000010000000000012e'],
  ])('whose client %s', async (_name, frames) => {
    await withGateway({ idleMs: 100 }, async ({ session, url }) => {
      const socket = connect(Number(new URL(url).port), { rejectUnauthorized: false, ALPNProtocols: ['h2'] });
      const settings = '000000040000000000';
      const headers = '000003010500000001828784';
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
      socket.write(Buffer.from(`${settings}${headers}${frames}`, 'hex'));
      await once(socket.resume(), 'close');
      expect(await sendHttp2(session, post('{ hello }'))).toMatchObject({ status: 200 });
    });
  });

  it('when the server stops: requests finish, streams end, and no further one is accepted', async () => {
    let finish = (_: string) => {};
    const late = new Promise<string>((resolve) => {
      finish = resolve;
    });
    const schema = createSchema<Context>({
      typeDefs: 'type Query { late: String! } type Subscription { silence: Int }',
      resolvers: {
        Query: { late: () => late },
        Subscription: { silence: { subscribe: () => generateStream(silence) } },
      },
    });
    const { gateway, url } = await start({ schema });
    const own = await connectHttp2(url);
    const idle = await connectHttp2(url);
    const waiting = sendHttp2(own, post('{ late }'));
    const stream = begin(own, subscribe('subscription { silence }'));
    await once(stream, 'response');
    const ends = [once(own, 'goaway'), once(own, 'close'), once(idle, 'close'), closed(stream)] as const;
    const stopped = gateway.stop();
    const [[code]] = await Promise.all([ends[0], ends[3]]);
    expect(code).toBe(constants.NGHTTP2_NO_ERROR);
    finish('at last');
    expect(JSON.parse((await waiting).body)).toEqual({ data: { late: 'at last' } });
    await Promise.all([...ends, stopped]);
  });

  it('after its next request while the server drains', async () => {
    const { gateway, url } = await start({ drainMs: 300 });
    const own = await connectHttp2(url);
    const ended = once(own, 'close');
    const stopped = gateway.stop();
    const goaway = once(own, 'goaway');
    expect(await sendHttp2(own, post('{ hello }'))).toMatchObject({ status: 200 });
    expect((await goaway)[0]).toBe(constants.NGHTTP2_NO_ERROR);
    await ended;
    await stopped;
  });
});

describe('a file over HTTP/2', () => {
  const files = (body: (range: ByteRange) => Readable, size: number) => {
    const uploads = {
      maxBytes: 1_000,
      urls: { isValid: () => true },
      findFile: async () => ({ key: 'file/a', filename: 'a', mimetype: 'video/mp4', size }),
      readUrl: async () => null,
      read: async (_key: string, range: ByteRange) => body(range),
    };
    return { domain: { uploads } as unknown as Domain, idleMs: 60_000 };
  };
  const target = `/files/${crypto.randomUUID()}/file/a`;

  it('that its client stops reading is closed in the store', async () => {
    const body: Readable = new Readable({ read: () => void body.push(Buffer.alloc(65_536)) });
    await withGateway(
      files(() => body, 1e12),
      async ({ session }) => {
        const stream = begin(session, { target });
        await once(stream, 'data');
        stream.close(constants.NGHTTP2_CANCEL);
        await vi.waitFor(() => expect(body.destroyed).toBe(true));
      },
    );
  });

  it('that ends early in the store breaks off, and does not seem complete', async () => {
    await withGateway(
      files(() => Readable.from([Buffer.alloc(10)]), 20),
      async ({ session }) => {
        await expect(sendHttp2(session, { target })).rejects.toThrow(/closed with code [^0]/);
      },
    );
  });

  it('is sent in full or as a range', async () => {
    await withGateway(
      files(({ start, end }) => Readable.from([Buffer.alloc(end + 1 - start, 'x')]), 200_000),
      async ({ session }) => {
        expect((await sendHttp2(session, { target })).body).toBe('x'.repeat(200_000));
        const part = await sendHttp2(session, { target, headers: { range: 'bytes=5-9' } });
        expect([part.status, part.headers['content-range']]).toEqual([206, 'bytes 5-9/200000']);
        expect(await sendHttp2(session, { target, method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
      },
    );
  });
});

describe('an upload over HTTP/2', () => {
  let app: Awaited<ReturnType<typeof startApp>>;
  let own: ClientHttp2Session;
  beforeAll(async () => {
    app = await startApp({ TLS_CERT_FILE: join(directory, 'server.crt'), TLS_KEY_FILE: join(directory, 'server.key') });
    own = await connectHttp2(app.url.replace('http:', 'https:'));
  });
  afterAll(async () => {
    own.close();
    await app.stop();
  });
  const ask = async (given: Http2Request) => JSON.parse((await sendHttp2(own, given)).body).data;

  it.each(['with', 'without'])('%s a Content-Length is stored, and served as a whole and in part', async (length) => {
    const { guest } = await ask(post('mutation { guest(input: { name: "Ada" }) { token } }'));
    const authorization = `Bearer ${guest.token}`;
    const { createRoom } = await ask(
      post('mutation { createRoom(input: { name: "Room" }) { id } }', { authorization }),
    );
    const text = 'a line of text\n'.repeat(100_000);
    const form = new FormData();
    form.set('operations', JSON.stringify({ query: uploadQuery, variables: { file: null, channelId: createRoom.id } }));
    form.set('map', '{ "0": ["variables.file"] }');
    form.set('0', new File([text], 'a.txt', { type: 'text/plain' }));
    const sent = new Response(form);
    const body = Buffer.from(await sent.arrayBuffer());
    const described = length === 'with' ? { 'content-length': body.length } : {};
    const headers = { ...described, 'content-type': sent.headers.get('content-type') ?? '', authorization };
    const { upload } = await ask({ method: 'POST', target: '/graphql', headers, body });
    expect(upload).toMatchObject({ filename: 'a.txt', byteSize: text.length });
    const { pathname, search } = new URL(upload.url, app.url);
    expect((await sendHttp2(own, { target: pathname + search })).body).toBe(text);
    const part = await sendHttp2(own, { target: pathname + search, headers: { range: 'bytes=2-5' } });
    expect([part.status, part.body]).toEqual([206, 'line']);
  });
});
