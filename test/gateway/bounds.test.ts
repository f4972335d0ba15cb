import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createTextCache } from '../../api/gateway/graphql/text-cache.ts';
import { createHealth } from '../../api/gateway/http/health.ts';
import { DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import { startGateway } from '../support/gateway.ts';
import { openRaw, openSocket, openStream, post, refusal } from '../support/wire.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeAll(async () => {
  running = await startGateway({ maxSubscriptions: 5, maxConnections: 5 });
  ({ url } = running);
});
afterAll(() => running.gateway.stop());

describe('a subscription over HTTP that nobody can read', () => {
  const query = 'subscription { forever }';

  it.each([
    ['as JSON', { query }, { accept: 'application/json' }],
    ['as multipart', { query }, { accept: 'multipart/mixed' }],
    ['in a batch', [{ query }, { query: '{ hello }' }], {}],
  ])('%s leaves nothing behind', async (_how, body, headers) => {
    const { token, viewer } = running.backstage.auth.signIn();
    const controller = new AbortController();
    running.backstage.began = 0;
    const answer = post(url, body, { token, headers, signal: controller.signal }).catch(() => null);
    await vi.waitFor(() => expect(running.backstage.began).toBe(1));
    controller.abort();
    await answer;
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
    expect(running.backstage.connected.get(viewer.userId) ?? 0).toBe(0);
    expect(running.backstage.auth.watched()).toBe(0);
  });

  it('leaves nothing behind when its client goes away while it begins', async () => {
    const controller = new AbortController();
    running.backstage.began = 0;
    const gone = post(
      url,
      { query: 'subscription { slow }' },
      { headers: { accept: 'text/event-stream' }, signal: controller.signal },
    ).catch(() => null);
    setTimeout(() => controller.abort(), 20);
    await gone;
    await vi.waitFor(() => expect(running.backstage.began).toBeGreaterThan(0));
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });

  it('is refused where there are too many already', async () => {
    const streams = await Promise.all(Array.from({ length: 5 }, () => openStream(url, query)));
    const one = await openStream(url, query);
    expect((await one.next())?.data?.errors?.[0]?.extensions.code).toBe('UNAVAILABLE');
    for (const stream of streams) stream.abort();
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });
});

describe('an operation', () => {
  it('whose text is too long is refused before it is parsed', async () => {
    const query = `{ hello } # ${'é'.repeat(70_000)}`;
    expect((await refusal(url, query)).extensions).toMatchObject({ code: 'TOO_LARGE', limit: 65_536 });
    const socket = await openSocket(url);
    socket.subscribe('1', query.replaceAll('é', 'e'));
    expect(await socket.next()).toMatchObject({ type: 'error', payload: [{ extensions: { code: 'TOO_LARGE' } }] });
    socket.socket.terminate();
  });

  it('counts against the bound of its socket also where its id is completed and used again', async () => {
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
  it('is closed with 1013 when its token cannot be looked up just now', async () => {
    const { authenticate } = running.backstage.auth;
    running.backstage.auth.authenticate = async () => {
      throw new DatabaseUnavailableError('away');
    };
    const raw = await openRaw(url);
    raw.send({ type: 'connection_init', payload: { token: 'any' } });
    expect((await raw.closed).code).toBe(1013);
    running.backstage.auth.authenticate = authenticate;
  });

  it('is closed with 4409 when a long id is used twice', async () => {
    const socket = await openSocket(url);
    const id = 'é'.repeat(500);
    socket.subscribe(id, 'subscription { forever }');
    socket.subscribe(id, 'subscription { forever }');
    expect((await socket.closed).code).toBe(4409);
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });
});

describe('a stop', () => {
  it('is said on both probes for as long as a balancer may need to hear of it, and what is under way is finished', async () => {
    const health = createHealth({ ready: {}, reported: {}, metrics: async () => ({ type: 'text/plain', text: '' }) });
    const stopping = await startGateway({ drainMs: 500, health });
    const headers = { 'content-type': 'application/json' };
    const half = request(`${stopping.url}/graphql`, { method: 'POST', headers });
    half.write('{"query":');
    await vi.waitFor(() => expect(half.socket?.bytesWritten).toBeGreaterThan(0));
    expect((await fetch(`${stopping.url}/health`)).status).toBe(200);

    const stopped = stopping.gateway.stop();
    for (const probe of ['health', 'ready']) {
      const answer = await fetch(`${stopping.url}/${probe}`);
      expect([answer.status, await answer.json()]).toEqual([503, expect.objectContaining({ status: 'stopping' })]);
    }
    await vi.waitFor(() => expect(fetch(`${stopping.url}/health`)).rejects.toThrow(), { timeout: 5_000 });
    half.end('"{ hello }"}');
    const [answer] = await once(half, 'response');
    expect(answer.statusCode).toBe(200);
    expect(String(await answer.toArray())).toContain('Hello world');
    await stopped;
  });

  it('does not wait for who was turned away and keeps the line open', async () => {
    const stopping = await startGateway({ maxConnections: 0 });
    const { port } = new URL(stopping.url);
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    const lines = await Promise.all(
      ['/elsewhere', '/graphql'].map(async (path) => {
        const line = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
        line.on('error', () => {});
        line.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${upgrade}Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n`);
        await once(line, 'data');
        return line;
      }),
    );
    await stopping.gateway.stop();
    for (const line of lines) line.destroy();
  }, 10_000);
});

describe('what is kept parsed', () => {
  it('is bounded in letters, and what was asked last stays', () => {
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
