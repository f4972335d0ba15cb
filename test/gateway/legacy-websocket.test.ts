import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ResultType } from '../../api/live/result-frames.ts';
import { createTestAudiences } from '../support/audiences.ts';
import { startGateway } from '../support/gateway.ts';
import { type Frame, isStill, openRaw, openSocket, type RawSocket } from '../support/wire.ts';

let running: Awaited<ReturnType<typeof startGateway>>;
let url: string;

beforeAll(async () => {
  running = await startGateway({ maxSubscriptions: 30 });
  ({ url } = running);
});
afterAll(() => running.gateway.stop());

const protocol = 'graphql-ws';
const start = (id: string, query: string, variables?: object) => ({ id, type: 'start', payload: { query, variables } });
const stop = (id: string) => ({ id, type: 'stop' });
const forever = 'subscription { forever }';
const isForever = ({ payload }: Frame) => payload?.data?.['forever'] === 1;
/** A number of subscriptions whose stream has not ended is awaited: they end in other turns of the event loop. */
const openStreams = (count: number) => vi.waitFor(() => expect(running.backstage.open).toBe(count));

/** Opens a socket of subscriptions-transport-ws and completes the handshake. */
async function openLegacy(address = url, payload?: object): Promise<RawSocket> {
  const raw = await openRaw(address, { protocol });
  raw.send({ type: 'connection_init', payload });
  expect([await raw.next(), await raw.next()]).toEqual([{ type: 'connection_ack' }, { type: 'ka' }]);
  return raw;
}

/** Returns the next messages of a socket. */
async function take(raw: RawSocket, count: number): Promise<Frame[]> {
  const frames: Frame[] = [];
  for (let n = 0; n < count; n++) frames.push(await raw.next());
  return frames;
}

/** Returns the next messages of a socket up to the end of an operation. */
async function takeUntilEnd(raw: RawSocket, id: string): Promise<Frame[]> {
  const frames: Frame[] = [];
  do frames.push(await raw.next());
  while (frames.at(-1)?.id !== id || frames.at(-1)?.type !== 'complete');
  return frames;
}

/** Closes a socket after everything that it was sent, and returns the messages that were not taken. */
async function takeRest(raw: RawSocket): Promise<Frame[]> {
  raw.send(start('last', '{ hello }'));
  const frames = await takeUntilEnd(raw, 'last');
  raw.send({ type: 'connection_terminate' });
  return frames.filter(({ id }) => id !== 'last');
}

describe('the protocol of a socket', () => {
  it.each([
    [['graphql-ws'], 'graphql-ws', 'data'],
    [['graphql-transport-ws'], 'graphql-transport-ws', 'next'],
    [['graphql-ws', 'graphql-transport-ws'], 'graphql-transport-ws', 'next'],
    [['mqtt', 'graphql-ws'], 'graphql-ws', 'data'],
    [[], '', 'data'],
  ] satisfies [string[], string, ResultType][])(
    'is chosen among those that the client offers: %j',
    async (offered, chosen, type) => {
      const raw = await openRaw(url, { protocol: offered });
      expect(raw.socket.protocol).toBe(chosen);
      raw.send({ type: 'connection_init' });
      expect(await take(raw, type === 'data' ? 2 : 1)).toContainEqual({ type: 'connection_ack' });
      raw.send({ ...start('1', '{ hello }'), type: type === 'data' ? 'start' : 'subscribe' });
      expect(await raw.next()).toEqual({ id: '1', type, payload: { data: { hello: 'Hello world' } } });
      raw.socket.close();
    },
  );
});

describe('a legacy socket', () => {
  it.each([
    ['{ hello }', [{ type: 'data', payload: { data: { hello: 'Hello world' } } }]],
    ['mutation { touch }', [{ type: 'data', payload: { data: { touch: 1 } } }]],
    ['subscription { numbers(upTo: 2) }', [1, 2].map((numbers) => ({ type: 'data', payload: { data: { numbers } } }))],
    [
      '{ viewer }',
      [{ type: 'data', payload: { data: { viewer: null }, errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] } }],
    ],
    ['subscription { resync }', [{ type: 'data', payload: { errors: [{ extensions: { code: 'RESYNC_REQUIRED' } }] } }]],
    ['{ nothing', [{ type: 'error', payload: { extensions: { code: 'GRAPHQL_PARSE_FAILED' } } }]],
    ['{ nothing other }', [{ type: 'error', payload: { extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } } }]],
    [
      'subscription { removed }',
      [
        { type: 'data', payload: { data: { removed: 1 } } },
        { type: 'error', payload: { message: 'You are no longer a member.', extensions: { code: 'FORBIDDEN' } } },
      ],
    ],
  ])('runs %s, and completes it', async (query, expected) => {
    const raw = await openLegacy();
    raw.send(start('the "1"', query));
    const ended = [...expected, { type: 'complete' }];
    expect(await take(raw, ended.length)).toMatchObject(ended.map((frame) => ({ id: 'the "1"', ...frame })));
    expect(await takeRest(raw)).toEqual([]);
  });

  it.each([
    ['without an operation', {}],
    ['with a parsed document', { query: { kind: 'Document' } }],
    ['with a list of variables', { query: '{ hello }', variables: [] }],
    ['that is no object', 'hello'],
    ['that is missing', undefined],
  ])('refuses a payload %s, and stays open', async (_how, payload) => {
    const raw = await openLegacy();
    raw.send({ id: '1', type: 'start', payload });
    expect(await take(raw, 2)).toMatchObject([
      { id: '1', type: 'error', payload: { extensions: { code: 'BAD_REQUEST' } } },
      { id: '1', type: 'complete' },
    ]);
    expect(await takeRest(raw)).toEqual([]);
  });

  it('runs operations that came before the acknowledgement, in their order', async () => {
    const { token, viewer } = running.backstage.auth.signIn();
    const raw = await openRaw(url, { protocol });
    raw.send(start('1', '{ viewer }'));
    raw.send({ type: 'connection_init', payload: { authToken: token } });
    raw.send(start('2', forever));
    raw.send(stop('2'));
    raw.send(start('3', '{ hello }'));
    const [ack, keepAlive, ...frames] = await take(raw, 7);
    expect([ack, keepAlive]).toEqual([{ type: 'connection_ack' }, { type: 'ka' }]);
    expect(frames).toContainEqual({ id: '1', type: 'data', payload: { data: { viewer: viewer.userId } } });
    expect(frames.filter(({ id, type }) => id === '2' && type === 'complete')).toHaveLength(1);
    raw.socket.close();
    await openStreams(0);
  });

  it.each([
    ['headers', (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })],
    ['Authorization', (Authorization: string) => ({ Authorization })],
  ])('accepts a token as `%s`, and shows its viewer as online', async (_key, toPayload) => {
    const { token, viewer } = running.backstage.auth.signIn();
    const raw = await openLegacy(url, toPayload(token));
    expect(running.backstage.connected.get(viewer.userId)).toBe(1);
    raw.send(start('1', '{ viewer }'));
    expect(await raw.next()).toMatchObject({ payload: { data: { viewer: viewer.userId } } });
    raw.send({ type: 'connection_terminate' });
    await vi.waitFor(() => expect(running.backstage.connected.get(viewer.userId)).toBe(0));
  });

  it('says that a token is invalid, then closes with 4403', async () => {
    const raw = await openRaw(url, { protocol, headers: { authorization: 'Bearer forged' } });
    raw.send({ type: 'connection_init' });
    raw.send(start('1', forever));
    const extensions = { code: 'UNAUTHENTICATED' };
    expect(await raw.next()).toEqual({
      type: 'connection_error',
      payload: { message: expect.any(String), extensions },
    });
    expect(await raw.closed).toEqual({ code: 4403, reason: 'Forbidden' });
    expect(running.backstage.open).toBe(0);
  });

  it('closes with 4403 when its session is revoked', async () => {
    const { token, viewer } = running.backstage.auth.signIn();
    const raw = await openLegacy(url, { token });
    running.backstage.auth.revoke(viewer);
    expect(await raw.closed).toMatchObject({ code: 4403 });
  });

  it('completes an operation that its client stops, once, and ignores other stops', async () => {
    const raw = await openLegacy();
    raw.send(start('1', forever));
    await raw.next();
    for (const id of ['1', '1', 'unknown']) raw.send(stop(id));
    expect(await raw.next()).toEqual({ id: '1', type: 'complete' });
    await openStreams(0);
    expect(await takeRest(raw)).toEqual([]);
  });

  it.each([
    ['used twice', []],
    ['used again after its operation was stopped', [stop('1')]],
  ])('ends an operation whose id is %s before the next one', async (_how, between) => {
    const raw = await openLegacy();
    raw.send(start('1', 'subscription { slow }'));
    for (let n = 0; n < 3; n++) for (const message of [...between, start('1', forever)]) raw.send(message);
    // The end of an operation that was replaced would end the next one for the client.
    expect(await raw.next()).toMatchObject({ id: '1', type: 'data', payload: { data: { forever: 1 } } });
    raw.send(start('1', '{ hello }'));
    const frames = await takeUntilEnd(raw, '1');
    expect(frames.filter((frame) => !isForever(frame))).toEqual([
      { id: '1', type: 'data', payload: { data: { hello: 'Hello world' } } },
      { id: '1', type: 'complete' },
    ]);
    raw.socket.close();
    await openStreams(0);
  });

  it('ends everything when its client terminates it', async () => {
    const raw = await openLegacy();
    raw.send(start('1', forever));
    await raw.next();
    raw.send({ type: 'connection_terminate' });
    expect(await raw.closed).toMatchObject({ code: 1000 });
    await openStreams(0);
  });

  it('gets a keep-alive message with each ping, and is closed when it no longer responds', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const pinging = await startGateway();
    const [raw, gone] = [await openLegacy(pinging.url), await openLegacy(pinging.url)];
    gone.socket.pause();
    for (let round = 0; round < 3; round++) {
      const pinged = new Promise((resolve) => raw.socket.once('ping', resolve));
      vi.advanceTimersByTime(12_000);
      await pinged;
      expect(await raw.next()).toEqual({ type: 'ka' });
      raw.send(start('1', '{ hello }'));
      expect(await take(raw, 2)).toMatchObject([{ type: 'data' }, { type: 'complete' }]);
    }
    await vi.waitFor(() => expect(pinging.gateway.connections()).toBe(1));
    vi.useRealTimers();
    gone.socket.terminate();
    raw.socket.close();
    await pinging.gateway.stop();
  });

  it('is closed with 1012 when the server stops', async () => {
    const stopping = await startGateway();
    const raw = await openLegacy(stopping.url);
    await stopping.gateway.stop();
    expect(await raw.closed).toMatchObject({ code: 1012 });
  });

  it('is closed with 1013 when the feed behind an operation was restarted', async () => {
    const raw = await openLegacy();
    raw.send(start('1', 'subscription { restarted }'));
    expect(await raw.next()).toMatchObject({ type: 'data' });
    await expect(raw.next()).rejects.toThrow('1013');
  });

  it('shares executions with sockets of graphql-transport-ws', async () => {
    const executed = vi.fn();
    const audiences = createTestAudiences({ metrics: { executed, delivered: () => {}, gaveUp: () => {} } });
    const { gateway, backstage, url } = await startGateway({ audiences });
    const [older, newer] = [await openLegacy(url), await openSocket(url)];
    older.send(start('1', 'subscription { typing }'));
    newer.subscribe('1', 'subscription Named { typing }');
    await vi.waitFor(() => expect(backstage.began).toBe(2));
    await new Promise(setImmediate);
    for (let typing = 1; typing <= 3; typing++) {
      backstage.signal();
      expect(await older.next()).toEqual({ id: '1', type: 'data', payload: { data: { typing } } });
      expect(await newer.next()).toEqual({ id: '1', type: 'next', payload: { data: { typing } } });
    }
    expect(executed.mock.calls).toEqual(Array(3).fill([1]));
    await gateway.stop();
  });
});

/** The first messages of clients, as their sources write them. */
const clients: [string, { protocol: string[]; init: string; start: string; isBinary?: boolean }][] = [
  [
    'Apollo Kotlin 4 (SubscriptionWsProtocol.Factory)',
    {
      protocol: ['graphql-ws'],
      init: '{"type":"connection_init","payload":{"Authorization":"Bearer TOKEN"}}',
      start:
        '{"type":"start","id":"6c3e","payload":{"operationName":"Viewer","variables":{},"query":"query Viewer { viewer }"}}',
    },
  ],
  [
    'Apollo Kotlin 4 with WsFrameType.Binary, and its token in a header',
    {
      protocol: ['graphql-ws'],
      init: '{"type":"connection_init"}',
      start:
        '{"type":"start","id":"6c3e","payload":{"operationName":"Viewer","variables":{},"query":"query Viewer { viewer }","extensions":{"clientLibrary":{"name":"apollo-kotlin","version":"4.3.1"}}}}',
      isBinary: true,
    },
  ],
  [
    'graphql_flutter (SocketClient)',
    {
      protocol: ['graphql-ws'],
      init: '{"type":"connection_init","payload":{"headers":{"Authorization":"Bearer TOKEN"}}}',
      start:
        '{"type":"start","id":"6c3e","payload":{"operationName":null,"variables":{},"query":"query Viewer {\\n  viewer\\n}"}}',
    },
  ],
  [
    'Ferry (WebSocketLink) with a channel that has headers',
    {
      protocol: [],
      init: '{"type":"connection_init"}',
      start:
        '{"type":"start","id":"6c3e","payload":{"operationName":"Viewer","variables":{},"query":"query Viewer {\\n  viewer\\n}"}}',
    },
  ],
];

describe('the messages of a client', () => {
  it.each(clients)('are understood: %s', async (_client, { protocol, init, start, isBinary = false }) => {
    const { token, viewer } = running.backstage.auth.signIn();
    const headers = init.includes('TOKEN') ? {} : { authorization: `Bearer ${token}` };
    const raw = await openRaw(url, { protocol, headers });
    for (const text of [init.replace('TOKEN', token), start]) raw.send(isBinary ? Buffer.from(text) : text);
    expect(await take(raw, 4)).toEqual([
      { type: 'connection_ack' },
      { type: 'ka' },
      { type: 'data', id: '6c3e', payload: { data: { viewer: viewer.userId } } },
      { type: 'complete', id: '6c3e' },
    ]);
    raw.send('{"type":"stop","id":"6c3e"}');
    expect(await takeRest(raw)).toEqual([]);
  });
});

describe('a hostile legacy client', () => {
  it.each([
    ['text that is not JSON', 'hello'],
    ['JSON that is not a message', '[]'],
    ['an empty message', ''],
    ['bytes that are not a message', Buffer.from([0, 1, 2, 255])],
    ['an unknown message', { type: 'shout' }],
    ['a message of the newer protocol', { id: '1', type: 'subscribe', payload: { query: '{ hello }' } }],
    ['a message of the server', { type: 'connection_error', payload: {} }],
    ['a prototype as type', { type: '__proto__', id: '1' }],
    ['an operation without an id', { type: 'start', payload: { query: '{ hello }' } }],
    ['an empty id', { id: '', type: 'stop' }],
    ['an id that is no text', { id: { a: 1 }, type: 'start', payload: { query: '{ hello }' } }],
    ['a deep message', `{"type":"start","id":"1","payload":${'['.repeat(100)}${']'.repeat(100)}}`],
    ['an id that is too long', { id: 'x'.repeat(129), type: 'start', payload: { query: '{ hello }' } }],
    ['an id that is too long for a stop', { id: 'x'.repeat(129), type: 'stop' }],
    ['a payload of `connection_init` that is no object', { type: 'connection_init', payload: 'secret' }],
  ])('is told why it is closed with 4400: %s', async (_what, message) => {
    const raw = await openRaw(url, { protocol });
    raw.send(message);
    const error = await raw.next();
    expect(error).toMatchObject({ type: 'connection_error', payload: { extensions: { code: 'BAD_REQUEST' } } });
    expect(JSON.stringify(error)).not.toMatch(/secret|shout/);
    expect(await raw.closed).toMatchObject({ code: 4400 });
  });

  it('may not initialise twice', async () => {
    const raw = await openLegacy();
    raw.send({ type: 'connection_init' });
    expect(await raw.next()).toMatchObject({ type: 'connection_error' });
    expect(await raw.closed).toMatchObject({ code: 4429 });
  });

  it('is closed with 4408 if it only starts operations, and none of them ran', async () => {
    const { began } = running.backstage;
    const raw = await openRaw(url, { protocol });
    for (let n = 0; n < 50; n++) raw.send(start(String(n), forever));
    expect(await raw.next()).toMatchObject({ type: 'connection_error' });
    expect(await raw.closed).toMatchObject({ code: 4408 });
    expect(running.backstage.began).toBe(began);
  });

  it('cannot fill the memory with operations before it is acknowledged', async () => {
    const { began } = running.backstage;
    const raw = await openRaw(url, { protocol });
    for (let n = 0; n < 4; n++) raw.send(start(String(n), `${forever} #${'x'.repeat(100_000)}`));
    raw.send({ type: 'connection_init' });
    expect(await raw.closed).toMatchObject({ code: 1013 });
    expect(running.backstage.began).toBe(began);
  });

  it('is only sent as much as it reads', async () => {
    const raw = await openLegacy();
    raw.send(start('1', 'subscription { flood }'));
    await raw.next();
    raw.socket.pause();
    await isStill(url, () => running.backstage.pulled);
    raw.socket.terminate();
    await openStreams(0);
  });

  it('runs at most as many operations as its socket may, also of those that came early', async () => {
    const raw = await openRaw(url, { protocol });
    for (let n = 0; n < 40; n++) raw.send(start(String(n), forever));
    raw.send({ type: 'connection_init' });
    const frames = await take(raw, 2 + 30 + 10 * 2);
    const refused = frames.filter(({ type }) => type === 'error');
    expect(refused).toHaveLength(10);
    for (const { payload } of refused) expect(payload).toMatchObject({ extensions: { code: 'RATE_LIMITED' } });
    expect(running.backstage.open).toBe(30);
    raw.socket.terminate();
    await openStreams(0);
  });

  it('is closed with 1013 when it sends too many messages', async () => {
    const limited = await startGateway({ messagesPerSecond: 2 });
    const raw = await openLegacy(limited.url);
    for (let n = 0; n < 20; n++) raw.send(start('1', forever));
    expect(await raw.closed).toMatchObject({ code: 1013 });
    await vi.waitFor(() => expect(limited.backstage.open).toBe(0));
    await limited.gateway.stop();
  });

  it('leaves one operation of an id that it starts again and again', async () => {
    const raw = await openLegacy();
    for (let n = 0; n < 200; n++) raw.send(start('same', forever));
    raw.send(start('other', '{ hello }'));
    await vi.waitFor(async () => expect(await raw.next()).toMatchObject({ id: 'other', type: 'data' }));
    await openStreams(1);
    raw.send(stop('same'));
    await openStreams(0);
    raw.socket.close();
  });

  it.each(['terminate', 'close'] as const)(
    'leaves nothing behind when it goes before it is acknowledged: %s',
    async (how) => {
      const raw = await openRaw(url, { protocol });
      for (let n = 0; n < 5; n++) raw.send(start(String(n), forever));
      raw.socket[how]();
      await raw.closed;
      await vi.waitFor(() => expect(running.gateway.connections()).toBe(0));
      await openStreams(0);
    },
  );
});
