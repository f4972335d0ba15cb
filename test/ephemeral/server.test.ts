import { createClient as createSseClient } from 'graphql-sse';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { type Ephemeral, type SeededChannel, type SeededUser, startEphemeral } from '../../api/testing.ts';
import { ask, followMessages, socket } from '../support/client.ts';
import { send as sendRaw } from '../support/raw-http.ts';
import { openSocket } from '../support/wire.ts';

let server: Ephemeral;
let ada: SeededUser;
let bob: SeededUser;
let lobby: SeededChannel;

beforeAll(async () => {
  server = await startEphemeral({ seed: true });
  ada = server.seed?.users['ada'] as SeededUser;
  bob = server.seed?.users['bob'] as SeededUser;
  lobby = server.seed?.channels['lobby'] as SeededChannel;
});
afterAll(() => server.stop());
beforeEach(() => server.control.reset());

const sendQuery = `mutation Send($channelId: ID!, $text: String!) {
  send(input: { channelId: $channelId, text: $text }) { message { id } }
}`;

const send = (text: string, { token } = bob) => ask(server.url, sendQuery, { channelId: lobby.id, text }, token);
/** Position of the last message of the seed: a subscription that begins late misses nothing after it. */
const lastPosition = () => lobby.messages.at(-1)?.position ?? 0;
const me = (token: string) => ask(server.url, 'query Me { me { name } }', {}, token);
const codeOf = async (asking: ReturnType<typeof ask>) => (await asking).errors[0]?.extensions['code'] ?? null;

it('has the users, channels, messages, unread counts and files of the seed', async () => {
  const query = `{ me { name channels(first: 5) { nodes {
    id kind viewerMembership { unreadCount }
    messages(last: 20) { nodes { id seq text author { id } replyTo { id } attachments { id filename url } } }
  } } } }`;
  const { data } = await ask(server.url, query, {}, ada.token);
  const channels = new Map<string, typeof data>(data.me.channels.nodes.map((node: { id: string }) => [node.id, node]));
  for (const seeded of Object.values(server.seed?.channels ?? {})) {
    const { kind, messages } = channels.get(seeded.id);
    expect(kind).toBe(seeded.kind);
    const texts = messages.nodes.filter((node: { text: string }) => node.text !== '');
    expect(texts.map(({ id, seq, text }: SeededChannel['messages'][number]) => ({ id, seq, text }))).toEqual(
      seeded.messages.map(({ id, seq, text }) => ({ id, seq, text })),
    );
  }
  expect(channels.get(lobby.id).viewerMembership.unreadCount).toBe(2);
  const [file] = channels.get(lobby.id).messages.nodes.flatMap(({ attachments }: typeof data) => attachments);
  expect(file).toMatchObject({ id: lobby.messages[3]?.attachmentIds[0], filename: 'minutes.txt' });
  expect(await (await fetch(`${server.url}${file.url}`)).text()).toBe('Nothing was decided.\n');
  const login = 'mutation ($input: LoginInput!) { login(input: $input) { user { id } } }';
  const input = { email: ada.email, password: ada.password };
  expect((await ask(server.url, login, { input })).data).toEqual({ login: { user: { id: ada.id } } });
});

it('lets subscribers resume over dropped connections and a restart, without a gap or a repeat', async () => {
  const client = socket(server.url, ada.token);
  const followed = followMessages(client, lobby.id, lastPosition());
  const texts = () => followed.received.map(({ text }) => text);
  await vi.waitFor(async () => expect((await server.control.state()).connections).toHaveLength(1));
  await send('one');
  await vi.waitFor(() => expect(texts()).toEqual(['one']));
  expect(await server.control.drop({ user: 'ada' })).toEqual({ dropped: 1 });
  await send('two');
  await server.control.drop();
  await send('three');
  await server.control.drop({ code: 1013 });
  await send('four');
  await server.control.restart({ ms: 50 });
  await send('five');
  await vi.waitFor(() => expect(texts()).toEqual(['one', 'two', 'three', 'four', 'five']));
  followed.stop();
  await client.dispose();
});

it('lists open connections, and drops those of one user with a code, streams too', async () => {
  const own = await openSocket(server.url, { token: ada.token });
  const other = await openSocket(server.url, { token: bob.token });
  const events = createSseClient({
    url: `${server.url}/graphql`,
    headers: { authorization: `Bearer ${ada.token}` },
    retryAttempts: 0,
  });
  const streamed = events.iterate({ query: `subscription { messages(channelId: "${lobby.id}") { id } }` }).next();
  const listed = [
    { transport: 'websocket', user: 'ada', userId: ada.id },
    { transport: 'websocket', user: 'bob', userId: bob.id },
    { transport: 'stream', user: 'ada', userId: ada.id },
  ];
  await vi.waitFor(async () => expect((await server.control.state()).connections).toEqual(listed));
  const ended = expect(streamed).rejects.toThrow();
  expect(await server.control.drop({ user: ada.id, code: 4321 })).toEqual({ dropped: 2 });
  expect((await own.closed).code).toBe(4321);
  await ended;
  await vi.waitFor(async () => expect((await server.control.state()).connections).toEqual([listed[1]]));
  await server.control.restart();
  expect((await other.closed).code).toBe(1012);
});

it('lets the next operations of a name fail, over HTTP and WebSocket', async () => {
  await server.control.fail({ operation: 'Send', code: 'RATE_LIMITED', retryAfterMs: 7 });
  await server.control.fail({ operation: 'me', times: 2 });
  const limited = await send('refused');
  expect(limited.errors[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 7 });
  expect(await codeOf(send('sent'))).toBeNull();
  expect((await me(ada.token)).errors[0]?.extensions).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
  expect((await server.control.state()).faults).toEqual([
    { operation: 'me', code: 'UNAVAILABLE', delayMs: 0, times: 1 },
  ]);
  const client = socket(server.url, ada.token);
  const first = await client.iterate({ query: '{ me { name } }' }).next();
  expect(first.value?.errors?.[0]?.extensions?.['code']).toBe('UNAVAILABLE');
  expect((await client.iterate({ query: '{ me { name } }' }).next()).value?.data).toEqual({ me: { name: 'Ada' } });
  await client.dispose();
});

it('delays the operations of a name, and everything that it sends', async () => {
  const settled: string[] = [];
  const note = (name: string) => () => void settled.push(name);
  await server.control.delay({ operation: 'Send', ms: 60_000, times: 1 });
  const slow = send('slow').finally(note('slow')).catch(String);
  await vi.waitFor(async () => expect((await server.control.state()).faults).toEqual([]));
  expect(await codeOf(me(ada.token))).toBeNull();
  expect((await server.control.delay({ ms: 60_000 })).delayMs).toEqual({ streams: 60_000, responses: 60_000 });
  const late = me(ada.token).finally(note('late')).catch(String);
  await server.control.state();
  expect(settled).toEqual([]);
  await server.control.reset();
  await Promise.all([slow, late]);
  expect(await codeOf(me(ada.token))).toBeNull();
});

it('delays deliveries alone, or responses alone', async () => {
  const client = socket(server.url, ada.token);
  const followed = followMessages(client, lobby.id, lastPosition());
  await vi.waitFor(async () => expect((await server.control.state()).connections).toHaveLength(1));
  const late = await server.control.delay({ ms: 60_000, only: 'streams' });
  expect(late.delayMs).toEqual({ streams: 60_000, responses: 0 });
  expect(await codeOf(send('late'))).toBeNull();
  expect(followed.received).toEqual([]);
  await server.control.recover();
  await vi.waitFor(() => expect(followed.received.map(({ text }) => text)).toEqual(['late']));
  await server.control.delay({ ms: 60_000, only: 'responses' });
  const response = send('early');
  await vi.waitFor(() => expect(followed.received.map(({ text }) => text)).toContain('early'));
  await server.control.recover();
  expect(await codeOf(response)).toBeNull();
  followed.stop();
  await client.dispose();
});

it('ends faults and delays by themselves, and keeps connections and data', async () => {
  const own = await openSocket(server.url, { token: ada.token });
  await server.control.delay({ operation: 'Send', ms: 60_000 });
  await server.control.delay({ operation: 'Send', ms: 50_000, times: 3 });
  expect((await server.control.state()).faults).toEqual([{ operation: 'Send', code: null, delayMs: 50_000, times: 3 }]);
  expect((await server.control.delay({ operation: 'Send', ms: 0 })).faults).toEqual([]);
  await server.control.fail({ times: 9 });
  await server.control.delay({ ms: 60_000 });
  const { delayMs, faults, connections } = await server.control.recover();
  expect({ delayMs, faults, open: connections.length }).toEqual({
    delayMs: { streams: 0, responses: 0 },
    faults: [],
    open: 1,
  });
  own.subscribe('1', '{ me { name } }');
  expect((await own.next()).payload?.data).toEqual({ me: { name: 'Ada' } });
});

it('lets access tokens of a user expire: connections end, and a refresh helps', async () => {
  const own = await openSocket(server.url, { token: ada.token });
  const other = await openSocket(server.url, { token: bob.token });
  expect(await server.control.expire({ user: 'ada' })).toEqual({ expired: 1 });
  expect((await own.closed).code).toBe(4403);
  other.subscribe('1', '{ me { name } }');
  expect((await other.next()).payload?.data).toEqual({ me: { name: 'Bob' } });
  expect(await codeOf(me(ada.token))).toBe('UNAUTHENTICATED');
  const refresh = 'mutation ($token: String!) { refresh(refreshToken: $token) { token } }';
  const { data } = await ask(server.url, refresh, { token: ada.refreshToken });
  expect(await codeOf(me(data.refresh.token))).toBeNull();
  expect(await codeOf(me(bob.token))).toBeNull();
});

it('revokes the sessions of a user, which a refresh cannot continue', async () => {
  expect(await server.control.revoke({ user: 'bob' })).toEqual({ revoked: 1 });
  expect(await codeOf(me(bob.token))).toBe('UNAUTHENTICATED');
  const refresh = 'mutation ($token: String!) { refresh(refreshToken: $token) { token } }';
  expect(await codeOf(ask(server.url, refresh, { token: bob.refreshToken }))).toBe('UNAUTHENTICATED');
  expect(await codeOf(me(ada.token))).toBeNull();
});

it('resets everything to the seed: data, files, tokens and faults', async () => {
  await send('gone');
  await server.control.revoke({ user: 'bob' });
  await server.control.expire({ user: 'ada' });
  await server.control.fail({});
  await server.control.delay({ ms: 60_000 });
  expect(await server.control.reset()).toEqual({
    isServing: true,
    delayMs: { streams: 0, responses: 0 },
    connections: [],
    faults: [],
  });
  const last = `query ($id: ID!) { channel(id: $id) { messages(last: 1) { nodes { id attachments { id } } } } }`;
  const { data } = await ask(server.url, last, { id: lobby.id }, bob.token);
  expect(data.channel.messages.nodes[0].id).toBe(lobby.messages.at(-1)?.id);
  expect(await codeOf(me(ada.token))).toBeNull();
  expect(await codeOf(send('again'))).toBeNull();
});

it('registers users and guests without limits on their number', async () => {
  const guest = 'mutation ($name: String!) { guest(input: { name: $name }) { token } }';
  const codes = await Promise.all(
    Array.from({ length: 60 }, (_, n) => codeOf(ask(server.url, guest, { name: `G${n}` }))),
  );
  expect(new Set(codes)).toEqual(new Set([null]));
});

const order = (name: string, body = '{}', headers: Record<string, string> = {}, method = 'POST') =>
  fetch(`${server.control.url}/${name}`, { method, headers, ...(method === 'POST' ? { body } : {}) });

it('refuses orders that it does not understand, and says why', async () => {
  const orders = [
    ['unknown', '{}', 404],
    ['constructor', '{}', 404],
    ['state', '{}', 405],
    ['drop', '{', 400],
    ['drop', '{ "codes": 1 }', 400],
    ['drop', '{ "code": 1006 }', 400],
    ['drop', '{ "user": "nobody" }', 400],
    ['delay', '{ "ms": -1 }', 400],
    ['delay', '{ "ms": 1, "times": 1 }', 400],
    ['delay', '{ "ms": 1, "only": "streams", "operation": "Send" }', 400],
    ['fail', '{ "code": "NO_SUCH_CODE" }', 400],
    ['drop', `"${'x'.repeat(70_000)}"`, 413],
  ] as const;
  for (const [name, body, status] of orders) {
    const response = await order(name, body);
    expect([body.slice(0, 40), response.status]).toEqual([body.slice(0, 40), status]);
    expect(await response.json()).toEqual({ error: expect.stringMatching(/\w/) });
  }
});

it('takes orders from pages of this machine, and from no others', async () => {
  expect((await order('drop', '{}', { origin: 'https://evil.example' })).status).toBe(403);
  expect((await order('drop', '{}', { origin: 'http://localhost.evil.example' })).status).toBe(403);
  expect((await order('drop', '{}', { origin: 'null' })).status).toBe(403);
  expect((await order('drop', '{}', { origin: 'http://192.0.2.1' })).status).toBe(403);
  expect((await order('drop', '{}', { origin: 'http://app.localhost:3000' })).status).toBe(200);
  const { status, headers } = await order('drop', '{}', { origin: 'http://localhost:5173' });
  expect([status, headers.get('access-control-allow-origin')]).toEqual([200, 'http://localhost:5173']);
  const preflight = await order('drop', '', { origin: 'http://127.0.0.1:3000' }, 'OPTIONS');
  expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, 'content-type']);
});

it('is reached by a name of this machine or by an address, and by no other name', async () => {
  const statusOf = async (host: string) =>
    (await sendRaw(server.control.url, { target: '/state?again', headers: [`Host: ${host}`] })).status;
  expect(await statusOf('localhost:1')).toBe(200);
  expect(await statusOf('10.0.2.2:1')).toBe(200);
  expect(await statusOf('[::1]:1')).toBe(200);
  expect(await statusOf('rebound.example')).toBe(403);
  expect(await statusOf('10.0.2.2.example')).toBe(403);
});

it('serves pages of every origin, as that of a bundler', async () => {
  const headers = { origin: 'http://localhost:5173', 'content-type': 'application/json' };
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers,
    body: '{"query":"{ __typename }"}',
  });
  expect(response.headers.get('access-control-allow-origin')).toBe('http://localhost:5173');
});
