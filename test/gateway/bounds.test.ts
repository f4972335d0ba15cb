import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { createSchema } from 'graphql-yoga';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTextCache } from '../../api/gateway/graphql/text-cache.ts';
import { createHealth } from '../../api/gateway/http/health.ts';
import { DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import { generateStream } from '../../api/live/stream.ts';
import type { Context } from '../../schema/context.ts';
import { gate } from '../support/contested-row.ts';
import { startGateway } from '../support/gateway.ts';
import { execute, executeFailing, openRaw, openSocket, openStream, post } from '../support/wire.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeAll(async () => {
  running = await startGateway({ maxSubscriptions: 5, maxConnections: 5 });
  ({ url } = running);
});
afterAll(() => running.gateway.stop());

describe('a subscription over HTTP without a reader', () => {
  const query = 'subscription { forever }';

  it.each([
    ['as JSON', { query }, { accept: 'application/json' }],
    ['as multipart', { query }, { accept: 'multipart/mixed' }],
    ['in a batch', [{ query }, { query: '{ hello }' }], {}],
  ])('%s leaves nothing behind', async (_how, body, headers) => {
    const { token, viewer } = running.backstage.auth.signIn();
    const controller = new AbortController();
    running.backstage.began = 0;
    const response = post(url, body, { token, headers, signal: controller.signal }).catch(() => null);
    await vi.waitFor(() => expect(running.backstage.began).toBe(1));
    controller.abort();
    await response;
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
    expect(running.backstage.connected.get(viewer.userId) ?? 0).toBe(0);
    expect(running.backstage.auth.watched()).toBe(0);
  });

  it('leaves nothing behind when its client disconnects while it starts', async () => {
    const [requested, released, ended] = [gate(), gate(), gate()];
    const subscribe = async () => {
      requested.pass();
      await released.passed;
      return generateStream(untilAborted, ended.pass);
    };
    const typeDefs = 'type Query { hello: Int } type Subscription { slow: Int! }';
    const schema = createSchema<Context>({
      typeDefs,
      resolvers: { Subscription: { slow: { resolve: Number, subscribe } } },
    });
    const slow = await startGateway({ schema });
    const controller = new AbortController();
    const options = { headers: { accept: 'text/event-stream' }, signal: controller.signal };
    const response = post(slow.url, { query: 'subscription { slow }' }, options).catch(() => null);
    await requested.passed;
    controller.abort();
    await response;
    // The server has noticed that the client is gone once it has handled a later request.
    await execute(slow.url, '{ hello }');
    released.pass();
    await ended.passed;
    await slow.gateway.stop();
  });

  it('is refused if there are too many already', async () => {
    const streams = await Promise.all(Array.from({ length: 5 }, () => openStream(url, query)));
    const one = await openStream(url, query);
    expect((await one.next())?.data?.errors?.[0]?.extensions.code).toBe('UNAVAILABLE');
    for (const stream of streams) stream.abort();
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });
});

async function* untilAborted(signal: AbortSignal): AsyncGenerator<number, void> {
  yield 1;
  if (!signal.aborted) await once(signal, 'abort');
}

describe('an operation', () => {
  it('is refused before it is parsed if its text is too long', async () => {
    const query = `{ hello } # ${'é'.repeat(70_000)}`;
    expect((await executeFailing(url, query)).extensions).toMatchObject({ code: 'TOO_LARGE', limit: 65_536 });
    const socket = await openSocket(url);
    socket.subscribe('1', query.replaceAll('é', 'e'));
    expect(await socket.next()).toMatchObject({ type: 'error', payload: [{ extensions: { code: 'TOO_LARGE' } }] });
    socket.socket.terminate();
  });

  it('counts against the limit of its socket even if its id is completed and reused', async () => {
    running.backstage.began = 0;
    const socket = await openSocket(url);
    for (let n = 0; n < 40; n++) {
      socket.subscribe('same', 'subscription { slow }');
      socket.send({ id: 'same', type: 'complete' });
    }
    socket.send({ type: 'ping' });
    while ((await socket.next()).type !== 'pong');
    await vi.waitFor(() => expect(running.backstage.began).toBeGreaterThan(0));
    expect(running.backstage.open).toBeLessThanOrEqual(5);
    socket.socket.terminate();
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });
});

describe('a socket', () => {
  it('is closed with 1013 if its token cannot be looked up for the moment', async () => {
    const { authenticate } = running.backstage.auth;
    running.backstage.auth.authenticate = async () => {
      throw new DatabaseUnavailableError('unavailable');
    };
    const raw = await openRaw(url);
    raw.send({ type: 'connection_init', payload: { token: 'any' } });
    expect((await raw.closed).code).toBe(1013);
    running.backstage.auth.authenticate = authenticate;
  });

  it('is closed with 4400 if the id of an operation is too long', async () => {
    const socket = await openSocket(url);
    const id = 'é'.repeat(500);
    socket.subscribe(id, 'subscription { forever }');
    expect(await socket.closed).toMatchObject({ code: 4400, reason: expect.stringContaining('128') });
    expect(running.backstage.open).toBe(0);
  });

  it('is closed with 1013 if it sends too many messages', async () => {
    const strict = await startGateway({ messagesPerSecond: 1 });
    const socket = await openSocket(strict.url);
    for (let n = 0; n < 10; n++) socket.socket.ping();
    expect(await socket.closed).toMatchObject({ code: 1013, reason: 'Too many messages' });
    await strict.gateway.stop();
  });

  it('is closed if its message comes in too many fragments', async () => {
    const socket = await openSocket(url);
    for (let n = 0; n < 200; n++) socket.socket.send(' ', { fin: false });
    expect((await socket.closed).code).toBe(1008);
  });

  it('without a token is closed when it has run no operation for a while', async () => {
    const strict = await startGateway({ anonymousIdleMs: 100 });
    const busy = await openSocket(strict.url);
    busy.subscribe('1', 'subscription { forever }');
    const { token } = strict.backstage.auth.signIn();
    const known = await openSocket(strict.url, { token });
    const idle = await openSocket(strict.url);
    expect(await idle.closed).toMatchObject({ code: 1013, reason: 'Idle' });
    expect([busy.socket.readyState, known.socket.readyState]).toEqual([1, 1]);
    await strict.gateway.stop();
  });
});

describe('the connections', () => {
  it.each([
    ['an address', { maxConnectionsPerAddress: 2 }, true],
    ['an address without tokens', { maxAnonymousPerAddress: 2 }, false],
    ['a user', { maxConnectionsPerUser: 2 }, true],
  ])('of %s are bounded, streams over HTTP included', async (_, bounds, isSignedIn) => {
    const strict = await startGateway(bounds);
    const { token } = strict.backstage.auth.signIn();
    const payload = isSignedIn ? { token } : {};
    const first = await openSocket(strict.url, payload);
    const stream = await openStream(strict.url, 'subscription { forever }', payload);
    await stream.next();
    const refused = await openRaw(strict.url);
    refused.send({ type: 'connection_init', payload });
    expect((await refused.closed).code).toBe(1013);
    const refusedStream = await openStream(strict.url, 'subscription { forever }', payload);
    expect((await refusedStream.next())?.data?.errors?.[0]?.extensions.code).toBe('UNAVAILABLE');
    first.socket.close();
    await first.closed;
    await vi.waitFor(async () => {
      const next = await openSocket(strict.url, payload);
      next.socket.terminate();
    });
    stream.abort();
    await strict.gateway.stop();
  });

  it('over TCP leave room by closing those that wait for a next request', async () => {
    const strict = await startGateway({ maxTcpConnections: 2 });
    const { port } = new URL(strict.url);
    const open = async () => {
      const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
      const received = once(socket, 'data').then(
        () => true,
        () => false,
      );
      socket.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n');
      return { socket, isServed: await Promise.race([received, once(socket, 'close').then(() => false)]) };
    };
    const [one, other] = [await open(), await open()];
    expect([one.isServed, other.isServed]).toEqual([true, true]);
    expect((await open()).isServed).toBe(false);
    await vi.waitFor(() => expect([one.socket.closed, other.socket.closed]).toEqual([true, true]));
    const next = await open();
    expect(next.isServed).toBe(true);
    next.socket.destroy();
    await strict.gateway.stop();
  });

  it('over TCP are bounded for each address', async () => {
    const strict = await startGateway({ maxTcpConnectionsPerAddress: 1 });
    const { port } = new URL(strict.url);
    const first = connect(Number(port), '127.0.0.1');
    await once(first, 'connect');
    const second = connect(Number(port), '127.0.0.1');
    second.on('error', () => {});
    await once(second, 'close');
    expect(first.destroyed).toBe(false);
    first.destroy();
    await strict.gateway.stop();
  });
});

describe('a stopping gateway', () => {
  it('fails both probes while it drains, and finishes the requests that it has begun', async () => {
    const health = createHealth({
      ready: {},
      reported: {},
      metrics: async () => ({ type: 'text/plain', text: '' }),
      metricsToken: null,
    });
    const stopping = await startGateway({ drainMs: 3_000, health });
    const headers = { 'content-type': 'application/json' };
    const half = request(`${stopping.url}/graphql`, { method: 'POST', headers });
    half.write('{"query":');
    await vi.waitFor(() => expect(half.socket?.bytesWritten).toBeGreaterThan(0));
    expect((await fetch(`${stopping.url}/health`)).status).toBe(200);

    const stopped = stopping.gateway.stop();
    for (const probe of ['health', 'ready']) {
      const response = await fetch(`${stopping.url}/${probe}`);
      expect([response.status, await response.json()]).toEqual([503, expect.objectContaining({ status: 'stopping' })]);
    }
    await vi.waitFor(() => expect(fetch(`${stopping.url}/health`)).rejects.toThrow());
    half.end('"{ hello }"}');
    const [response] = await once(half, 'response');
    expect(response.statusCode).toBe(200);
    expect(String(await response.toArray())).toContain('Hello world');
    await stopped;
  });

  it('does not wait for a client that was rejected and keeps its connection open', async () => {
    const stopping = await startGateway({ maxConnections: 0 });
    const { port } = new URL(stopping.url);
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const connections = await Promise.all(
      ['/elsewhere', '/graphql'].map(async (path) => {
        const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
        socket.on('error', () => {});
        socket.write(
          `GET ${path} HTTP/1.1\r\nHost: x\r\n${upgrade}Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n`,
        );
        await once(socket, 'data');
        return socket;
      }),
    );
    await stopping.gateway.stop();
    for (const socket of connections) socket.destroy();
  });
});

describe('the cache of parsed documents', () => {
  it('is limited by total text length, and keeps the most recently used ones', () => {
    const cache = createTextCache<object>(1_000);
    const query = (n: number) => `{ hello } # ${String(n).padStart(88, '0')}`;
    for (let n = 0; n < 1_000; n++) {
      cache.set(query(n), {});
      cache.get(query(0));
    }
    const kept = Array.from({ length: 1_000 }, (_, n) => n).filter((n) => cache.get(query(n)));
    expect(kept).toEqual([0, ...Array.from({ length: 9 }, (_, n) => 991 + n)]);
  });
});
