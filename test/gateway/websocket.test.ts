import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createOutboxes, type Outboxes } from '../../api/live/outbox/outboxes.ts';
import { createTestAudiences } from '../support/audiences.ts';
import { startGateway } from '../support/gateway.ts';
import { isStill, openRaw, openSocket, openStream } from '../support/wire.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeAll(async () => {
  running = await startGateway({ maxSubscriptions: 30 });
  ({ url } = running);
});
afterAll(() => running.gateway.stop());

describe('a socket', () => {
  it.each(['authorization', 'Authorization', 'AUTHORIZATION'])('accepts a token as `%s`', async (key) => {
    const { token, viewer } = running.backstage.auth.signIn();
    const socket = await openSocket(url, { [key]: `Bearer ${token}` });
    socket.subscribe('1', '{ viewer }');
    expect(await socket.next()).toEqual({ id: '1', type: 'next', payload: { data: { viewer: viewer.userId } } });
    expect(await socket.next()).toEqual({ id: '1', type: 'complete' });
    socket.socket.close();
  });

  it('accepts a token as `token`', async () => {
    const { token, viewer } = running.backstage.auth.signIn();
    const socket = await openSocket(url, { token });
    socket.subscribe('1', '{ viewer }');
    expect(await socket.next()).toMatchObject({ payload: { data: { viewer: viewer.userId } } });
    socket.socket.close();
  });

  it.each([
    ['is not valid', { token: 'forged' }],
    ['is not a bearer token', { authorization: 'Basic YTpi' }],
    ['is empty', { authorization: '' }],
    ['is a number', { token: 7 }],
  ])('is refused with 4403 when its token %s', async (_how, payload) => {
    const raw = await openRaw(url);
    raw.send({ type: 'connection_init', payload });
    expect(await raw.closed).toEqual({ code: 4403, reason: 'Forbidden' });
  });

  it('may stay anonymous: only fields that need a viewer are refused', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', '{ hello viewer }');
    expect(await socket.next()).toMatchObject({
      payload: {
        data: { hello: 'Hello world', viewer: null },
        errors: [{ path: ['viewer'], extensions: { code: 'UNAUTHENTICATED' } }],
      },
    });
    socket.socket.close();
  });

  it('shows its viewer as online while it is open', async () => {
    const { token, viewer } = running.backstage.auth.signIn();
    const [first, second] = [await openSocket(url, { token }), await openSocket(url, { token })];
    first.subscribe('1', 'subscription { removed }');
    expect([await first.next(), await first.next()].at(-1)).toMatchObject({ type: 'error' });
    expect(running.backstage.connected.get(viewer.userId)).toBe(2);
    first.socket.close();
    second.socket.terminate();
    await vi.waitFor(() => expect(running.backstage.connected.get(viewer.userId)).toBe(0));
    expect(running.backstage.auth.watched()).toBe(0);
  });

  it('closes with 4403 when its session is revoked', async () => {
    const { token, viewer } = running.backstage.auth.signIn();
    const socket = await openSocket(url, { token });
    running.backstage.auth.revoke(viewer);
    expect(await socket.closed).toEqual({ code: 4403, reason: 'Forbidden' });
  });

  it('closes with 4403 when its token expires', async () => {
    const { token } = running.backstage.auth.signIn({ ttlMs: 1_000 });
    const socket = await openSocket(url, { token });
    expect(await socket.closed).toMatchObject({ code: 4403 });
  });

  it('stays open after its token expires if the session was refreshed, until the session ends', async () => {
    const { token, viewer } = running.backstage.auth.signIn({ ttlMs: 50 });
    const expiryOf = vi.spyOn(running.backstage.auth, 'expiryOf');
    running.backstage.auth.prolong(viewer, 5_000);
    const socket = await openSocket(url, { token });
    await vi.waitFor(() => expect(expiryOf).toHaveBeenCalledTimes(1));
    socket.subscribe('1', '{ hello }');
    expect(await socket.next()).toMatchObject({ payload: { data: { hello: 'Hello world' } } });
    expect(await socket.closed).toMatchObject({ code: 4403 });
    expiryOf.mockRestore();
  });

  it('is closed with 4408 if `connection_init` does not come in time', async () => {
    const raw = await openRaw(url);
    expect(await raw.closed).toMatchObject({ code: 4408 });
  });

  it('is refused for any other subprotocol', async () => {
    const raw = await openRaw(url, { protocol: 'mqtt' }).catch((error: Error) => error);
    if (raw instanceof Error) expect(raw.message).toMatch(/subprotocol/i);
    else expect(await raw.closed).toMatchObject({ code: 4406 });
  });

  it('is not available on other paths', async () => {
    await expect(openRaw(`${url}/elsewhere`)).rejects.toThrow('404');
  });

  it.each([
    ['text that is not JSON', 'hello', 4400],
    ['JSON that is not a message', '[]', 4400],
    ['an unknown message', { type: 'shout' }, 4400],
    ['bytes that are not a message', Buffer.from([0, 1, 2, 255]), 4400],
    ['a second `connection_init`', { type: 'connection_init' }, 4429],
    ['a message without an operation', { type: 'subscribe', id: '1' }, 4400],
    ['a message above the size limit', 'x'.repeat(1_048_577), 1009],
  ])('closes for %s', async (_reason, message, code) => {
    const socket = await openSocket(url);
    socket.send(message);
    expect(await socket.closed).toMatchObject({ code });
  });

  it('closes when an operation comes before `connection_init`', async () => {
    const raw = await openRaw(url);
    raw.subscribe('1', '{ hello }');
    expect(await raw.closed).toMatchObject({ code: 4401 });
  });

  it('closes when an id is used for two operations at the same time', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', 'subscription { forever }');
    await socket.next();
    socket.subscribe('1', 'subscription { forever }');
    expect(await socket.closed).toMatchObject({ code: 4409 });
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });

  it('responds to pings of the protocol', async () => {
    const socket = await openSocket(url);
    socket.send({ type: 'ping', payload: { n: 1 } });
    expect(await socket.next()).toEqual({ type: 'pong', payload: { n: 1 } });
    socket.socket.close();
  });

  it('is closed with 1013 when the node has reached its limit of connections', async () => {
    const full = await startGateway({ maxConnections: 1 });
    const first = await openSocket(full.url);
    expect(await (await openRaw(full.url)).closed).toMatchObject({ code: 1013 });
    first.socket.close();
    await first.closed;
    await vi.waitFor(() => expect(full.gateway.connections()).toBe(0));
    const next = await openSocket(full.url);
    next.socket.close();
    await full.gateway.stop();
  });

  it('is closed with 1012 when the server stops, and its subscriptions end', async () => {
    const stopping = await startGateway();
    const sockets = await Promise.all(Array.from({ length: 5 }, () => openSocket(stopping.url)));
    for (const socket of sockets) {
      socket.subscribe('1', 'subscription { forever }');
      await socket.next();
    }
    await stopping.gateway.stop();
    for (const socket of sockets) expect(await socket.closed).toMatchObject({ code: 1012 });
    expect(stopping.backstage.open).toBe(0);
    expect(stopping.gateway.connections()).toBe(0);
  });

  it('is closed when its peer no longer responds to pings, not when its peer is only quiet', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const pinging = await startGateway();
    const [quiet, gone] = [await openSocket(pinging.url), await openSocket(pinging.url)];
    gone.socket.pause();
    for (let round = 0; round < 3; round++) {
      const pinged = new Promise((resolve) => quiet.socket.once('ping', resolve));
      vi.advanceTimersByTime(12_000);
      await pinged;
      quiet.send({ type: 'ping' });
      expect(await quiet.next()).toEqual({ type: 'pong' });
    }
    await vi.waitFor(() => expect(pinging.gateway.connections()).toBe(1));
    vi.useRealTimers();
    gone.socket.terminate();
    quiet.socket.close();
    await pinging.gateway.stop();
  });
});

describe('an operation over a WebSocket', () => {
  it.each([
    ['syntax', '{ hello', {}, { code: 'GRAPHQL_PARSE_FAILED' }],
    ['an unknown field', '{ nothing }', {}, { code: 'GRAPHQL_VALIDATION_FAILED' }],
    [
      'depth',
      `{ ${'chain { '.repeat(40)} leaf ${'}'.repeat(40)} }`,
      {},
      { code: expect.stringMatching(/^(BAD|GRAPHQL)_/) },
    ],
    ['tokens', `{ ${'hello '.repeat(3_000)} }`, {}, { code: expect.stringMatching(/^(BAD|GRAPHQL)_/) }],
    ['no operation', 'fragment A on Query { hello }', {}, { code: expect.stringMatching(/^(BAD|GRAPHQL)_/) }],
    ['ambiguity', 'query A { hello } query B { hello }', {}, { code: 'BAD_REQUEST' }],
  ])('is refused for %s, and the socket stays open', async (_reason, query, variables, extensions) => {
    const socket = await openSocket(url);
    socket.subscribe('1', query, variables);
    expect(await socket.next()).toMatchObject({ id: '1', type: 'error', payload: [{ extensions }] });
    socket.subscribe('1', '{ hello }');
    expect(await socket.next()).toMatchObject({ id: '1', type: 'next' });
    socket.socket.close();
  });

  it('reports the names of invalid variables', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', 'query ($value: Int!) { count(value: $value) }', { value: 'x' });
    expect(await socket.next()).toMatchObject({
      type: 'next',
      payload: { errors: [{ extensions: { code: 'BAD_USER_INPUT', fields: [{ path: 'value' }] } }] },
    });
    expect(await socket.next()).toEqual({ id: '1', type: 'complete' });
    socket.socket.close();
  });

  it('masks an unexpected error and logs it once', async () => {
    const { lines } = running.backstage.logger;
    lines.length = 0;
    const socket = await openSocket(url);
    socket.subscribe('1', '{ broken }');
    const frame = await socket.next();
    expect(JSON.stringify(frame)).not.toContain('swordfish');
    const requestId = frame.payload?.errors?.[0]?.extensions['requestId'];
    const errors = lines.filter(({ level }) => level === 'error');
    expect(errors).toMatchObject([{ level: 'error', facts: { requestId, error: { message: expect.any(String) } } }]);
    socket.socket.close();
  });

  it('may be the introspection query of tools', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', getIntrospectionQuery());
    expect(await socket.next()).toHaveProperty('payload.data.__schema');
    socket.socket.close();
  });

  it.each([
    ['removed', { code: 'FORBIDDEN' }],
    ['broken', { code: 'INTERNAL_SERVER_ERROR', requestId: expect.any(String) }],
  ])('that is a subscription ends with the error of its stream: %s', async (field, extensions) => {
    const socket = await openSocket(url);
    socket.subscribe('1', `subscription { ${field} }`);
    expect(await socket.next()).toMatchObject({ type: 'next', payload: { data: { [field]: 1 } } });
    expect(await socket.next()).toMatchObject({ id: '1', type: 'error', payload: [{ extensions }] });
    expect(running.backstage.open).toBe(0);
    socket.socket.close();
  });

  it('that is a subscription reports immediately why it is refused', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', 'subscription { resync }');
    expect(await socket.next()).toMatchObject({
      type: 'next',
      payload: { errors: [{ extensions: { code: 'RESYNC_REQUIRED' } }] },
    });
    expect(await socket.next()).toEqual({ id: '1', type: 'complete' });
    socket.socket.close();
  });

  it.each([
    ['the feed behind it was restarted', 'restarted'],
    ['its database is unavailable', 'interrupted'],
  ])('closes its socket with 1013 when %s', async (_reason, field) => {
    const socket = await openSocket(url);
    socket.subscribe('1', `subscription { ${field} }`);
    expect(await socket.next()).toMatchObject({ type: 'next' });
    await expect(socket.next()).rejects.toThrow('1013');
  });

  it('closes its socket with 1013 if an event cannot be resolved for the moment, without delivering the event', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', 'subscription { shaky }');
    await expect(socket.next()).rejects.toThrow('1013');
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });

  it('ends when its client completes it', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', 'subscription { forever }');
    await socket.next();
    expect(running.backstage.open).toBe(1);
    socket.send({ id: '1', type: 'complete' });
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
    socket.socket.close();
  });

  it.each(['terminate', 'close'] as const)('ends with its socket: %s', async (how) => {
    const socket = await openSocket(url);
    for (let n = 0; n < 20; n++) socket.subscribe(String(n), 'subscription { forever }');
    for (let n = 0; n < 20; n++) expect(await socket.next()).toMatchObject({ type: 'next' });
    expect(running.backstage.open).toBe(20);
    socket.socket[how]();
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });

  it('above the limit of its socket is refused, and the socket stays open', async () => {
    const socket = await openSocket(url);
    for (let n = 0; n < 31; n++) socket.subscribe(String(n), 'subscription { forever }');
    const frames = await Promise.all(Array.from({ length: 31 }, () => socket.next()));
    expect(frames.filter(({ type }) => type === 'error')).toEqual([
      {
        id: '30',
        type: 'error',
        payload: [expect.objectContaining({ extensions: expect.objectContaining({ code: 'RATE_LIMITED' }) })],
      },
    ]);
    socket.send({ id: '0', type: 'complete' });
    await vi.waitFor(() => expect(running.backstage.open).toBe(29));
    socket.subscribe('again', '{ hello }');
    expect(await socket.next()).toMatchObject({ id: 'again', type: 'next' });
    socket.socket.terminate();
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });

  it('is counted and ended correctly if its id is completed and reused before it starts', async () => {
    const socket = await openSocket(url);
    for (let n = 0; n < 200; n++) {
      socket.subscribe('same', 'subscription { forever }');
      socket.send({ id: 'same', type: 'complete' });
    }
    socket.send({ type: 'ping' });
    while ((await socket.next()).type !== 'pong');
    expect(running.backstage.open).toBeLessThanOrEqual(30);
    socket.subscribe('slow', 'subscription { slow }');
    socket.send({ id: 'slow', type: 'complete' });
    socket.subscribe('slow', 'subscription { forever }');
    while ((await socket.next()).payload?.data?.['forever'] !== 1);
    expect(running.backstage.open).toBe(1);
    socket.socket.terminate();
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });
});

describe('signals of a source', () => {
  it('are executed once for all subscribers, and queued as frames that may be dropped', async () => {
    const executed = vi.fn();
    const audiences = createTestAudiences({ metrics: { executed, delivered: () => {}, gaveUp: () => {} } });
    const kinds: string[] = [];
    const bounds = { windowMs: 2, socketBytes: 1_048_576, nodeBytes: 67_108_864, onOverflow: () => {} };
    const outboxes = recordKinds(createOutboxes(bounds), kinds);
    const { gateway, backstage, url } = await startGateway({ audiences, outboxes });
    const sockets = await Promise.all([1, 2, 3].map(() => openSocket(url)));
    for (const { subscribe } of sockets) subscribe('typing', 'subscription { typing }');
    await vi.waitFor(() => expect(backstage.began).toBe(3));
    await new Promise(setImmediate);
    const reach = async (n: number) => {
      backstage.signal();
      for (const socket of sockets) while ((await socket.next()).payload?.data?.['typing'] !== n);
    };
    for (let n = 1; n <= 5; n++) await reach(n);
    expect(executed.mock.calls).toEqual(Array(5).fill([1]));
    expect(kinds).toEqual(Array(15).fill('signal'));
    await gateway.stop();
  });
});

describe('a subscription whose events would cost too many points', () => {
  const bounds = { perClientAndSource: 20, perClient: 1_000, perSource: 1_000, node: 1_000 };
  const others = ['subscription { other: typing }', 'subscription { another: typing }'];

  it('is refused, and its stream is ended; one with the selection of others is not', async () => {
    const onRefused = vi.fn();
    const { gateway, backstage, url } = await startGateway({ audiences: createTestAudiences({ bounds, onRefused }) });
    const socket = await openSocket(url);
    socket.subscribe('1', 'subscription { typing }');
    socket.subscribe('2', 'subscription Named { ...Same } fragment Same on Subscription { typing }');
    for (const [n, query] of others.entries()) {
      socket.subscribe(`other ${n}`, query);
      const extensions = { code: 'RATE_LIMITED', retryAfterMs: expect.any(Number) };
      expect((await socket.next()).payload).toMatchObject({ errors: [{ extensions }] });
      expect(await socket.next()).toMatchObject({ id: `other ${n}`, type: 'complete' });
    }
    await vi.waitFor(() => expect(backstage.open).toBe(2));
    backstage.signal();
    expect([(await socket.next()).id, (await socket.next()).id]).toEqual(['1', '2']);
    expect(onRefused.mock.calls).toEqual(others.map(() => ['live-points-of-user-and-channel']));
    await gateway.stop();
  });

  it('is refused over server-sent events too, which share no execution', async () => {
    const { gateway, backstage, url } = await startGateway({ audiences: createTestAudiences({ bounds }) });
    const first = await openStream(url, 'subscription { typing }');
    const refused = await openStream(url, 'subscription { typing }');
    expect(await refused.next()).toMatchObject({ data: { errors: [{ extensions: { code: 'RATE_LIMITED' } }] } });
    expect(await refused.next()).toMatchObject({ event: 'complete' });
    backstage.signal();
    expect(await first.next()).toMatchObject({ data: { data: { typing: 1 } } });
    first.abort();
    await vi.waitFor(() => expect(backstage.open).toBe(0));
    await vi.waitFor(async () => {
      const again = await openStream(url, 'subscription { other: typing }');
      backstage.signal();
      expect(await again.next()).toMatchObject({ data: { data: { other: expect.any(Number) } } });
      again.abort();
    });
    await gateway.stop();
  });
});

/** Records the kinds of frames that audiences add to outboxes. */
function recordKinds(outboxes: Outboxes, kinds: string[]): Outboxes {
  const open: Outboxes['open'] = (...given) => {
    const outbox = outboxes.open(...given);
    const add: typeof outbox.add = (frames, kind) => {
      kinds.push(kind);
      outbox.add(frames, kind);
    };
    return { ...outbox, add };
  };
  return { ...outboxes, open };
}

describe('an operation id that is reused', () => {
  const [follow, other] = ['subscription { slow }', 'subscription { forever }'];

  it('belongs to the second operation only, even if the first was completed before it started', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', follow);
    socket.send({ id: '1', type: 'complete' });
    socket.subscribe('1', other);
    expect(await socket.next()).toMatchObject({ id: '1', payload: { data: { forever: 1 } } });
    expect(running.backstage.open).toBe(1);
    socket.send({ id: '1', type: 'complete' });
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
    socket.socket.close();
  });

  it('keeps its messages in order', async () => {
    const socket = await openSocket(url);
    for (let n = 0; n < 3; n++) {
      socket.subscribe('1', follow);
      socket.send({ id: '1', type: 'complete' });
    }
    socket.subscribe('1', '{ hello }');
    expect(await socket.next()).toMatchObject({ id: '1', payload: { data: { hello: 'Hello world' } } });
    expect(await socket.next()).toEqual({ id: '1', type: 'complete' });
    expect(running.backstage.open).toBe(0);
    socket.socket.close();
  });

  it('does not delay other operations', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', follow);
    socket.send({ id: '1', type: 'complete' });
    socket.subscribe('1', other);
    socket.subscribe('2', '{ hello }');
    expect(await socket.next()).toMatchObject({ id: '2' });
    socket.socket.close();
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });

  it('does not let a client fill the memory of the server', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', 'subscription { late }');
    socket.send({ id: '1', type: 'complete' });
    const query = `{ hello } #${'x'.repeat(100_000)}`;
    for (let n = 0; n < 4; n++) socket.subscribe('1', query);
    expect(await socket.closed).toMatchObject({ code: 1013 });
  });

  it('leaves nothing running when its socket closes', async () => {
    const socket = await openSocket(url);
    socket.subscribe('1', follow);
    socket.send({ id: '1', type: 'complete' });
    socket.subscribe('1', other);
    socket.send({ type: 'ping' });
    await socket.next();
    socket.socket.terminate();
    await vi.waitFor(() => expect(running.gateway.connections()).toBe(0));
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });
});

describe('a reader that stalls', () => {
  it('is only sent as much as it reads', async () => {
    const socket = await openSocket(url);
    running.backstage.pulled = 0;
    socket.subscribe('1', 'subscription { flood }');
    await socket.next();
    socket.socket.pause();
    await isStill(url, () => running.backstage.pulled);
    socket.socket.terminate();
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
  });

  it('is closed with 1013 when too much is queued for it', async () => {
    const socket = await openSocket(url);
    running.backstage.pulled = 0;
    socket.socket.pause();
    for (let n = 0; n < 30; n++) socket.subscribe(String(n), 'subscription { flood }');
    await vi.waitFor(() => expect(running.backstage.pulled).toBeGreaterThan(15));
    await vi.waitFor(() => expect(running.backstage.open).toBe(0));
    socket.socket.resume();
    expect(await socket.closed).toMatchObject({ code: 1013 });
  });
});
