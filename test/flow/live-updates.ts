import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Data, guest, type Person, socket } from '../support/client.ts';
import { type FollowedUpdates, followUpdates, updatesQuery } from '../support/updates.ts';
import { openStream } from '../support/wire.ts';

const send = 'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id } } }';
const create = 'mutation ($name: String!) { createRoom(input: { name: $name }) { id } }';
const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const leave = 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }';
const rename = 'mutation ($id: ID!, $name: String!) { updateRoom(channelId: $id, name: $name) { id } }';
const markSeen = 'mutation ($id: ID!, $seq: Int!) { markSeen(channelId: $id, seq: $seq) { seenSeq } }';
const renameUser = 'mutation ($name: String!) { updateProfile(input: { name: $name }) { id } }';
const block = 'mutation ($id: ID!) { block(userId: $id) { id } }';
const unblock = 'mutation ($id: ID!) { unblock(userId: $id) { id } }';

/** States how `updates` works over any services. @param urlOf returns the URL of one of two gateways */
export function describeUpdates(urlOf: (gateway: 0 | 1) => string): void {
  const sockets: { dispose(): void | Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of sockets.splice(0)) await one.dispose();
  });

  const person = (name: string) => guest(urlOf(0), name);
  const adaAndBob = () => Promise.all([person('Ada'), person('Bob')]);
  const text = (who: Person, id: string, content: string) => who.ask(send, { id, text: content });
  const createRoom = async (who: Person, name = 'Room'): Promise<string> =>
    (await who.ask(create, { name })).createRoom.id;

  async function createShared(owner: Person, ...others: Person[]): Promise<string> {
    const id = await createRoom(owner);
    for (const other of others) await other.ask(join, { id });
    return id;
  }

  function connect({ token }: Person, gateway: 0 | 1 = 1) {
    const client = socket(urlOf(gateway), token);
    sockets.push(client);
    return client;
  }

  async function followAll(who: Person, after: string | null = null, gateway: 0 | 1 = 1): Promise<FollowedUpdates> {
    const followed = followUpdates(connect(who, gateway), after);
    await vi.waitFor(() => expect(followed.hasCaughtUp()).toBe(true));
    return followed;
  }

  const present = async (who: Person): Promise<string> => (await who.ask('{ updates { cursor } }')).updates.cursor;

  describe('live', () => {
    test('messages of all channels arrive, each with a cursor', async () => {
      const [ada, bob] = await adaAndBob();
      const rooms = [await createShared(ada, bob), await createShared(ada, bob)];
      const updates = await followAll(bob);
      for (const [n, id] of [...rooms, ...rooms].entries()) await text(ada, id, `${n}`);
      await vi.waitFor(() => expect(updates.texts().toSorted()).toEqual(['0', '1', '2', '3']));
      expect(updates.events('MessageChanged')[0]).toMatchObject({
        message: { author: { name: 'Ada' }, channel: { id: rooms[0] } },
      });
      expect(updates.received.every(({ cursor }) => typeof cursor === 'string' && cursor.length > 10)).toBe(true);
    });

    test('a channel that the user joins, creates or is spoken to in is told of, with its messages', async () => {
      const [ada, bob] = await adaAndBob();
      const id = await createRoom(ada, 'Talk');
      await text(ada, id, 'before');
      const updates = await followAll(bob);
      await bob.ask(join, { id });
      await vi.waitFor(() => {
        for (const type of ['ChannelChanged', 'MembershipChanged']) expect(updates.types()).toContain(type);
      });
      expect(updates.events('MembershipChanged')).toMatchObject([{ channelId: id, membership: { role: 'MEMBER' } }]);
      expect(updates.events('ChannelChanged')).toMatchObject([{ channel: { id, name: 'Talk' } }]);
      await text(ada, id, 'after');
      await vi.waitFor(() => expect(updates.texts()).toEqual(['after']));
      const direct = (await ada.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', { id: bob.id }))
        .openDirect;
      await vi.waitFor(() => expect(updates.events('ChannelChanged')).toHaveLength(2));
      await text(ada, direct.id, 'hello');
      await vi.waitFor(() => expect(updates.texts()).toEqual(['after', 'hello']));
      expect(updates.types()).not.toContain('ResyncRequired');
    });

    test('nothing arrives of a channel that the user left', async () => {
      const [ada, bob] = await adaAndBob();
      const [left, kept] = [await createShared(ada, bob), await createShared(ada, bob)];
      const updates = await followAll(bob);
      await bob.ask(leave, { id: left });
      for (const id of [left, kept]) await text(ada, id, `to ${id}`);
      await vi.waitFor(() => expect(updates.texts()).toEqual([`to ${kept}`]));
      await vi.waitFor(() =>
        expect(updates.events('MembershipChanged')).toMatchObject([{ channelId: left, membership: null }]),
      );
    });

    test('a channel that the user has left and joined again must be loaded again', async () => {
      const [ada, bob] = await adaAndBob();
      const id = await createShared(ada, bob);
      const updates = await followAll(bob);
      await bob.ask(leave, { id });
      await vi.waitFor(() => expect(updates.events('MembershipChanged')).toHaveLength(1));
      await text(ada, id, 'missed');
      await bob.ask(join, { id });
      await vi.waitFor(() => expect(updates.events('ResyncRequired')).toMatchObject([{ channel: { id } }]));
      await text(ada, id, 'got');
      await vi.waitFor(() => expect(updates.texts()).toEqual(['got']));
    });

    test('channels that change are told of as they are', async () => {
      const [ada, bob] = await adaAndBob();
      const id = await createShared(ada, bob);
      const updates = await followAll(bob);
      await ada.ask(rename, { id, name: 'Hall' });
      await vi.waitFor(() =>
        expect(updates.events('ChannelChanged').at(-1)).toMatchObject({ channel: { name: 'Hall' } }),
      );
      await ada.ask('mutation ($id: ID!) { closeRoom(channelId: $id) { id } }', { id });
      await vi.waitFor(() => expect(updates.events('ChannelChanged').at(-1)?.channel.closedAt).not.toBeNull());
    });

    test('seen marks, profiles and blocks of another device are told of', async () => {
      const [ada, bob] = await adaAndBob();
      const id = await createShared(ada, bob);
      await text(ada, id, 'one');
      const updates = await followAll(bob);
      await bob.ask(markSeen, { id, seq: 3 });
      await vi.waitFor(() =>
        expect(updates.events('MembershipChanged').at(-1)).toMatchObject({
          channelId: id,
          membership: { seenSeq: 3, unreadCount: 0 },
        }),
      );
      await bob.ask(renameUser, { name: 'Robert' });
      await vi.waitFor(() =>
        expect(updates.events('UserChanged').at(-1)).toMatchObject({ user: { id: bob.id, name: 'Robert' } }),
      );
      await ada.ask(renameUser, { name: 'Augusta' });
      await vi.waitFor(() =>
        expect(updates.events('UserChanged').at(-1)).toMatchObject({ user: { id: ada.id, name: 'Augusta' } }),
      );
      await bob.ask(block, { id: ada.id });
      await vi.waitFor(() => expect(updates.events('ResyncRequired')).toMatchObject([{ channel: { id } }]));
      await vi.waitFor(() => expect(updates.events('UserChanged').at(-1)).toMatchObject({ user: { id: bob.id } }));
      await text(ada, id, 'hidden');
      await bob.ask(unblock, { id: ada.id });
      await vi.waitFor(() => expect(updates.events('ResyncRequired')).toHaveLength(2));
      await text(ada, id, 'shown');
      await vi.waitFor(() => expect(updates.texts()).toEqual(['shown']));
    });

    test('the match is told of', async () => {
      const [ada, bob] = await adaAndBob();
      const updates = await followAll(ada);
      await ada.ask('mutation { match { id } }');
      await vi.waitFor(() =>
        expect(updates.events('MatchChanged').at(-1)).toMatchObject({ match: { status: 'WAITING' } }),
      );
      await bob.ask('mutation { match { id } }');
      await vi.waitFor(() =>
        expect(updates.events('MatchChanged').at(-1)).toMatchObject({ match: { status: 'MATCHED' } }),
      );
      await vi.waitFor(() => expect(updates.types()).toContain('ChannelChanged'));
      await bob.ask('mutation { unmatch { id } }');
      await vi.waitFor(() => expect(updates.events('MatchChanged').at(-1)).toMatchObject({ match: null }));
    });

    test('two devices with different selections get everything', async () => {
      const [ada, bob] = await adaAndBob();
      const id = await createShared(ada, bob);
      const [first, second] = [await followAll(bob, null, 0), await followAll(bob)];
      const own = updatesQuery.replace('kind text', 'kind text channel { viewerMembership { unreadCount } }');
      const third = followUpdates(connect(bob), null, own);
      await vi.waitFor(() => expect(third.hasCaughtUp()).toBe(true));
      for (const n of [1, 2, 3]) await text(ada, id, `${n}`);
      for (const updates of [first, second, third])
        await vi.waitFor(() => expect(updates.texts()).toEqual(['1', '2', '3']));
      const unread = third.events('MessageChanged').at(-1)?.message.channel.viewerMembership.unreadCount;
      expect(unread).toBeGreaterThan(0);
    });

    test('a cursor that is selected under several names, or not at all, is filled in', async () => {
      const ada = await person('Ada');
      const id = await createRoom(ada);
      const twice = followUpdates(
        connect(ada),
        null,
        'subscription { updates { a: cursor event { __typename ... on MessageChanged { message { text } } } b: cursor } }',
      );
      const never = followUpdates(
        connect(ada),
        null,
        'subscription { updates { event { __typename ... on MessageChanged { message { text } } } } }',
      );
      for (const one of [twice, never]) await vi.waitFor(() => expect(one.hasCaughtUp()).toBe(true));
      await text(ada, id, 'cursor');
      for (const one of [twice, never]) await vi.waitFor(() => expect(one.types()).toContain('MessageChanged'));
      const { a, b } = twice.received.at(-1);
      expect([a, JSON.stringify(never.received).includes('cursor:')]).toEqual([b, false]);
      expect(await ada.codeOf('query ($after: String) { updates(after: $after) { cursor } }', { after: a })).toBeNull();
    });
  });

  describe('resuming', () => {
    test('delivers everything that changed meanwhile, says that it has caught up, and goes on', async () => {
      const [ada, bob] = await adaAndBob();
      const [id, gone] = [await createShared(ada, bob), await createShared(ada, bob)];
      const first = await followAll(bob);
      await text(ada, id, 'known');
      await vi.waitFor(() => expect(first.texts()).toEqual(['known']));
      const cursor = first.cursor();
      first.stop();
      for (const n of [1, 2]) await text(ada, id, `${n}`);
      await ada.ask(rename, { id, name: 'Hall' });
      await bob.ask(leave, { id: gone });
      const fresh = await createShared(ada, bob);
      await text(ada, fresh, 'new');
      const second = await followAll(bob, cursor);
      await text(ada, id, 'live');
      await vi.waitFor(() => expect(second.texts()).toContain('live'));
      expect(new Set(second.texts())).toEqual(
        new Set([...second.texts().filter((one) => one === 'known'), '1', '2', 'new', 'live']),
      );
      expect(second.events('ChannelChanged')).toEqual(
        expect.arrayContaining([expect.objectContaining({ channel: expect.objectContaining({ id, name: 'Hall' }) })]),
      );
      expect(second.events('MembershipChanged')).toEqual(
        expect.arrayContaining([expect.objectContaining({ channelId: gone, membership: null })]),
      );
    });

    test('goes on from the cursor of a page, of a catch-up and of any update', async () => {
      const [ada, bob] = await adaAndBob();
      const id = await createShared(ada, bob);
      const cursors = [await present(bob)];
      const updates = await followAll(bob);
      cursors.push(updates.cursor() ?? '');
      for (const n of [1, 2, 3]) {
        await text(ada, id, `${n}`);
        await vi.waitFor(() => expect(updates.texts()).toContain(`${n}`));
        cursors.push(updates.cursor() ?? '');
      }
      for (const after of cursors) {
        const resumed = await followAll(bob, after);
        await text(ada, id, `after ${after}`);
        await vi.waitFor(() => expect(resumed.texts()).toContain(`after ${after}`));
        const received = updates.received.findIndex(({ cursor }) => cursor === after);
        const later =
          received < 0
            ? updates.texts()
            : updates.received.slice(received + 1).flatMap(({ event }) => event.message?.text ?? []);
        expect(resumed.texts()).toEqual(expect.arrayContaining(later));
      }
    });

    test('refuses cursors that cannot be read or are beyond the newest change', async () => {
      const ada = await person('Ada');
      const wrong = followUpdates(connect(ada), 'nonsense');
      await vi.waitFor(() => expect(wrong.ended?.errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT' }));
      const cursor = Buffer.from(await present(ada), 'base64url');
      cursor[2] = (cursor[2] ?? 0) ^ 1;
      const foreign = followUpdates(connect(ada), cursor.toString('base64url'));
      await vi.waitFor(() => expect(foreign.ended?.errors[0]?.extensions).toMatchObject({ code: 'RESYNC_REQUIRED' }));
    });
  });

  describe('over HTTP', () => {
    /** Opens a stream, and returns the function that reads its next update. */
    const formats = {
      async 'server-sent events'({ token }: Person, ending: AbortController) {
        const stream = await openStream(urlOf(1), updatesQuery, { token });
        ending.signal.addEventListener('abort', stream.abort);
        return async (): Promise<Data> => ((await stream.next()) as Data).data.data.updates;
      },
      async multipart({ token }: Person, { signal }: AbortController) {
        const parts = await openParts(urlOf(1), updatesQuery, { token, signal });
        return async (): Promise<Data> => (await parts()).payload.data.updates;
      },
    };

    test.each(Object.keys(formats) as (keyof typeof formats)[])('%s deliver the same', async (format) => {
      const [ada, bob] = await adaAndBob();
      const id = await createShared(ada, bob);
      const ending = new AbortController();
      const read = await formats[format](bob, ending);
      expect(await read()).toMatchObject({ event: { __typename: 'CaughtUp' } });
      await text(ada, id, 'one');
      expect(await read()).toMatchObject({ event: { message: { text: 'one' } } });
      await ada.ask(rename, { id, name: 'Hall' });
      expect(await read()).toMatchObject({ event: { channel: { name: 'Hall' } } });
      ending.abort();
    });

    test('the id of a server-sent event resumes', async () => {
      const [ada, bob] = await adaAndBob();
      const id = await createShared(ada, bob);
      const stream = await openStream(urlOf(1), updatesQuery, { token: bob.token });
      const { data, id: first }: Data = await stream.next();
      expect(first).toBe(data.data.updates.cursor);
      stream.abort();
      for (const n of [1, 2]) await text(ada, id, `${n}`);
      const headers = { 'last-event-id': first };
      const resumed = await openStream(urlOf(1), updatesQuery, { token: bob.token, headers });
      const received: Data[] = [];
      for (let n = 0; n < 3; n++) received.push(((await resumed.next()) as Data).data.data.updates.event);
      expect(received.flatMap(({ message }) => message?.text ?? [])).toEqual(['1', '2']);
      expect(received.at(-1)).toMatchObject({ __typename: 'CaughtUp' });
      resumed.abort();
    });
  });
}

/** Subscribes by a multipart response, and returns the function that reads its next part. */
async function openParts(
  url: string,
  query: string,
  { token, signal }: { token: string; signal: AbortSignal },
): Promise<() => Promise<Data>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      accept: 'multipart/mixed;subscriptionSpec=1.0',
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ query }),
    signal,
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return async () => {
    for (;;) {
      const part = /\{.*\}(?=\r\n--graphql)/.exec(text);
      if (part) {
        text = text.slice(part.index + part[0].length);
        return JSON.parse(part[0]);
      }
      text += (await reader?.read())?.value ?? '';
    }
  };
}
