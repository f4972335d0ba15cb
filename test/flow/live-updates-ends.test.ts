import { beforeAll, describe, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, type Data, guest, type Person, socket } from '../support/client.ts';
import { followUpdates, updatesQuery } from '../support/updates.ts';
import { openRaw, openSocket, openStream, type RawSocket } from '../support/wire.ts';

const send = 'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id } } }';
const create = 'mutation { createRoom(input: { name: "Room" }) { id } }';

let url: string;
let ada: Person;
let id: string;

beforeAll(async () => {
  const app = await startApp({
    DRAIN_MS: '100',
    CAUGHT_UP_MS: '500',
    MAX_SOCKET_BUFFER_BYTES: '65536',
    MAX_MESSAGE_BYTES: '8192',
  });
  ({ url } = app);
  ada = await guest(url, 'Ada');
  ({ id } = (await ada.ask(create)).createRoom);
  return app.stop;
});

/** Follows over a socket without a client library. */
async function followRaw(token: string): Promise<RawSocket> {
  const raw = await openSocket(url, { authorization: `Bearer ${token}` });
  raw.subscribe('1', updatesQuery);
  expect(await eventOf(raw)).toMatchObject({ __typename: 'CaughtUp' });
  return raw;
}

async function eventOf(raw: RawSocket): Promise<Data> {
  const { payload } = await raw.next();
  const update: Data = payload?.data?.['updates'];
  return update?.event;
}

describe('a stream that is quiet', () => {
  test('says again that it has caught up, with a cursor that moves', async () => {
    const client = socket(url, ada.token);
    const updates = followUpdates(client);
    await vi.waitFor(() => expect(updates.events('CaughtUp').length).toBeGreaterThan(3));
    expect(updates.types()).toEqual([]);
    const times = updates.events('CaughtUp').map(({ at }) => Date.parse(at));
    expect(times).toEqual(times.toSorted());
    const { data, errors } = await ask(
      url,
      'query ($after: String) { updates(after: $after) { updates { cursor } hasMore } }',
      { after: updates.cursor() },
      ada.token,
    );
    expect([data.updates, errors]).toEqual([{ updates: [], hasMore: false }, []]);
    updates.stop();
    await client.dispose();
  });

  test('says so over server-sent events, too', async () => {
    const stream = await openStream(url, updatesQuery, { token: ada.token });
    for (let n = 0; n < 3; n++)
      expect(await stream.next()).toMatchObject({ data: { data: { updates: { event: { __typename: 'CaughtUp' } } } } });
    stream.abort();
  });

  test('says so to a client of the older protocol', async () => {
    const raw = await openRaw(url, { protocol: 'graphql-ws' });
    raw.send({ type: 'connection_init', payload: { authorization: `Bearer ${ada.token}` } });
    raw.send({ id: '1', type: 'start', payload: { query: updatesQuery } });
    const signs: Data[] = [];
    while (signs.length < 2) {
      const { type, payload } = await raw.next();
      if (type === 'data') signs.push(payload?.data?.['updates']);
    }
    await ada.ask(send, { id, text: 'older' });
    await vi.waitFor(async () => {
      const { payload } = await raw.next();
      expect(payload?.data?.['updates']).toMatchObject({ event: { message: { text: 'older' } } });
    });
    raw.socket.close();
  });
});

describe('a stream ends', () => {
  test('with 1013 if its client does not read, and goes on from its last cursor', async () => {
    const raw = await followRaw(ada.token);
    const received: Data[] = [];
    raw.socket.on('message', (data) => received.push(JSON.parse(String(data)).payload.data.updates));
    raw.socket.pause();
    // More than the kernel takes for a peer that does not read.
    for (let n = 0; n < 100; n++)
      await Promise.all(Array.from({ length: 20 }, () => ada.ask(send, { id, text: 'y'.repeat(7_000) })));
    raw.socket.resume();
    expect(await raw.closed).toEqual({ code: 1013, reason: 'Read faster' });
    const client = socket(url, ada.token);
    const updates = followUpdates(client, received.at(-1)?.cursor ?? null);
    await vi.waitFor(() => expect(updates.hasCaughtUp()).toBe(true));
    await ada.ask(send, { id, text: 'the last one' });
    await vi.waitFor(() => expect(updates.texts()).toContain('the last one'));
    await client.dispose();
  });

  test('with 4403 when the session is revoked', async () => {
    const bob = await guest(url, 'Bob');
    const raw = await followRaw(bob.token);
    await bob.ask('mutation { logout }');
    expect(await raw.closed).toMatchObject({ code: 4403 });
  });

  test('when its client completes it, and leaves nothing behind', async () => {
    const bob = await guest(url, 'Bob');
    const raw = await followRaw(bob.token);
    raw.send({ id: '1', type: 'complete' });
    raw.subscribe('2', '{ __typename }');
    while ((await raw.next()).id !== '2');
    raw.socket.close();
  });

  test('with 1012 when the server stops', async () => {
    const app = await startApp({ DRAIN_MS: '100' });
    const bob = await guest(app.url, 'Bob');
    const raw = await openSocket(app.url, { authorization: `Bearer ${bob.token}` });
    raw.subscribe('1', updatesQuery);
    expect(await eventOf(raw)).toMatchObject({ __typename: 'CaughtUp' });
    await app.stop();
    expect(await raw.closed).toMatchObject({ code: 1012 });
  });

  test('before it begins if its points exceed the bound of its user', async () => {
    const app = await startApp({ DRAIN_MS: '100', RATE_LIMITS: 'on', MAX_LIVE_POINTS_PER_USER: '100' });
    const bob = await guest(app.url, 'Bob');
    const client = socket(app.url, bob.token);
    const all = [0, 1, 2, 3, 4, 5].map(() => followUpdates(client));
    await vi.waitFor(() => expect(all.every((one) => one.ended || one.hasCaughtUp())).toBe(true));
    expect(all.some((one) => one.hasCaughtUp())).toBe(true);
    const refused = all.filter(({ ended }) => ended);
    expect(refused.length).toBeGreaterThan(0);
    for (const { ended } of refused) expect(ended?.errors[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED' });
    await client.dispose();
    await app.stop();
  });
});
