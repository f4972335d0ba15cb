import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { follow, followMessages, guest, type Person, socket } from '../support/client.ts';
import { openStream } from '../support/wire.ts';

let url: string;
let ada: Person;
let bob: Person;
let eve: Person;
let channelId: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  return app.stop;
});

const block = 'mutation ($id: ID!) { block(userId: $id) { id name blockedByViewer } }';
const unblock = 'mutation ($id: ID!) { unblock(userId: $id) { id blockedByViewer } }';
const send = `mutation ($channelId: ID!, $text: String!, $replyToId: ID) {
  send(input: { channelId: $channelId, text: $text, replyToId: $replyToId }) { message { id seq position } }
}`;
const history = `query ($id: ID!) { channel(id: $id) {
  messages { nodes { text replyTo { text } } }
  changes(after: 3) { messages { text } position }
  lastMessage { text }
  viewerMembership { unreadCount firstUnseen { text } }
} }`;

/** Creates a room with Ada, Bob and Eve as members. */
async function meet(): Promise<void> {
  [ada, bob, eve] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob'), guest(url, 'Eve')]);
  channelId = (await ada.ask('mutation { createRoom(input: { name: "Hall" }) { id } }')).createRoom.id;
  for (const one of [bob, eve])
    await one.ask('mutation ($id: ID!) { joinRoom(channelId: $id) { id } }', { id: channelId });
}

const say = async (who: Person, text: string, replyToId: string | null = null): Promise<string> =>
  (await who.ask(send, { channelId, text, replyToId })).send.message.id;

const texts = (entries: readonly { text: string }[]) => entries.map(({ text }) => text);

describe('a user who blocks another one', () => {
  beforeAll(meet);

  it('gets no live messages of the blocked user until the unblock, and all messages of other users', async () => {
    const adas = followMessages(socket(url, ada.token), channelId, 3);
    const bobs = followMessages(socket(url, bob.token), channelId, 3);
    const streamed = await openStream(url, `subscription { messages(channelId: "${channelId}", after: 3) { text } }`, {
      token: ada.token,
    });
    await say(eve, 'one');
    await say(bob, 'two');
    await vi.waitFor(() => expect(texts(adas.received)).toEqual(['one', 'two']));

    expect((await ada.ask(block, { id: eve.id })).block).toEqual({ id: eve.id, name: 'Eve', blockedByViewer: true });
    await say(eve, 'three');
    await say(bob, 'four');
    await vi.waitFor(() => expect(texts(adas.received)).toEqual(['one', 'two', 'four']));

    expect((await ada.ask(unblock, { id: eve.id })).unblock).toEqual({ id: eve.id, blockedByViewer: false });
    await say(eve, 'five');
    await vi.waitFor(() => expect(texts(adas.received)).toEqual(['one', 'two', 'four', 'five']));
    expect(texts(bobs.received)).toEqual(['one', 'two', 'three', 'four', 'five']);
    for (const text of ['one', 'two', 'four', 'five'])
      expect(await streamed.next()).toMatchObject({ data: { data: { messages: { text } } } });
    streamed.abort();
  });
});

describe('a message of a blocked author', () => {
  beforeAll(async () => {
    await meet();
    const said = await say(eve, 'said by Eve');
    await say(bob, 'reply by Bob', said);
    await say(eve, 'the last of Eve');
  });

  it('is left out of histories, counts and replies for the user who blocked, and for no other user', async () => {
    const all = (await ada.ask(history, { id: channelId })).channel;
    expect(all).toMatchObject({
      lastMessage: { text: 'the last of Eve' },
      viewerMembership: { unreadCount: 3, firstUnseen: { text: 'said by Eve' } },
    });
    expect(texts(all.changes.messages)).toEqual(['reply by Bob', 'said by Eve', 'the last of Eve']);

    await ada.ask(block, { id: eve.id });

    const { channel } = await ada.ask(history, { id: channelId });
    expect(channel.messages.nodes.slice(-1)).toEqual([{ text: 'reply by Bob', replyTo: null }]);
    expect(texts(channel.messages.nodes)).toEqual(['', '', 'reply by Bob']);
    expect(channel).toMatchObject({
      changes: { messages: [{ text: 'reply by Bob' }], position: all.changes.position },
      lastMessage: { text: 'reply by Bob' },
      viewerMembership: { unreadCount: 1, firstUnseen: { text: 'reply by Bob' } },
    });
    expect((await ada.ask('{ me { unreadCount } }')).me.unreadCount).toBe(1);
    expect((await bob.ask(history, { id: channelId })).channel.messages.nodes).toHaveLength(6);
  });

  it('is left out of a backlog, and of replies to it', async () => {
    const query = `subscription ($id: ID!, $after: Int) {
      messages(channelId: $id, after: $after) { text replyTo { text } }
    }`;
    const [adas, bobs] = [ada, bob].map((one) => follow(socket(url, one.token), query, { id: channelId, after: 3 }));
    const known = { text: 'reply by Bob', replyTo: null };
    await vi.waitFor(() => expect(adas?.received).toEqual([known]));

    const said = await say(eve, 'more of Eve');
    await say(bob, 'to Eve', said);
    await say(bob, 'to nobody');

    const expected = [known, { text: 'to Eve', replyTo: null }, { text: 'to nobody', replyTo: null }];
    await vi.waitFor(() => expect(adas?.received).toEqual(expected));
    await vi.waitFor(() => expect(bobs?.received).toHaveLength(7));
    expect(bobs?.received[4]).toEqual({ text: 'to Eve', replyTo: { text: 'more of Eve' } });
  });
});

describe('a block', () => {
  beforeAll(meet);

  it('is visible only to the user who made it, and counts once when repeated', async () => {
    for (const { id } of [eve, bob, eve]) await ada.ask(block, { id });
    const blocked = '{ me { blockedUsers { name } } }';
    expect((await ada.ask(blocked)).me.blockedUsers).toEqual([{ name: 'Bob' }, { name: 'Eve' }]);
    expect((await eve.ask(blocked)).me.blockedUsers).toEqual([]);
    const other = 'query ($id: ID!) { user(id: $id) { blockedUsers { name } blockedByViewer } }';
    expect((await eve.ask(other, { id: ada.id })).user).toEqual({ blockedUsers: null, blockedByViewer: false });
    expect((await ada.ask(other, { id: eve.id })).user).toEqual({ blockedUsers: null, blockedByViewer: true });
  });

  it('keeps the two users from being matched, in either direction', async () => {
    const match = 'mutation { match { status } }';
    const [zoe, tom, kim] = await Promise.all(['Zoe', 'Tom', 'Kim'].map((name) => guest(url, name)));
    if (!zoe || !tom || !kim) throw new Error('three guests must sign in');
    await zoe.ask(block, { id: tom.id });
    for (const one of [zoe, tom]) expect((await one.ask(match)).match.status).toBe('WAITING');
    expect((await kim.ask(match)).match.status).toBe('MATCHED');
  });

  it('keeps both from new direct channels, invitations and the direct channel that they have', async () => {
    const openDirect = 'mutation ($id: ID!) { openDirect(userId: $id) { id } }';
    const invite = 'mutation ($channelId: ID!, $id: ID!) { invite(channelId: $channelId, userId: $id) { id } }';
    const [zoe, tom] = await Promise.all(['Zoe', 'Tom'].map((name) => guest(url, name)));
    if (!zoe || !tom) throw new Error('two guests must sign in');
    const { id } = (await zoe.ask(openDirect, { id: tom.id })).openDirect;
    const rooms = await Promise.all(
      [zoe, tom].map(
        async (one) => (await one.ask('mutation { createRoom(input: { name: "Own" }) { id } }')).createRoom,
      ),
    );
    const attempts = [
      { one: zoe, other: tom, own: rooms[0]?.id },
      { one: tom, other: zoe, own: rooms[1]?.id },
    ];
    await zoe.ask(block, { id: tom.id });
    for (const { one, other, own } of attempts) {
      expect(await one.codeOf(send, { channelId: id, text: 'hello' })).toBe('CONFLICT');
      expect(await one.codeOf(openDirect, { id: other.id })).toBe('CONFLICT');
      expect(await one.codeOf(invite, { channelId: own, id: other.id })).toBe('CONFLICT');
    }
    await zoe.ask(unblock, { id: tom.id });
    for (const { one, other, own } of attempts) {
      await one.ask(send, { channelId: id, text: 'hello' });
      await one.ask(openDirect, { id: other.id });
      await one.ask(invite, { channelId: own, id: other.id });
    }
  });

  it.each([
    ['oneself', () => ada.id, 'BAD_USER_INPUT'],
    ['nobody', () => 'VXNlcjo', 'NOT_FOUND'],
    ['a room', () => channelId, 'NOT_FOUND'],
  ])('of %s is refused', async (_, id, code) => {
    expect(await ada.codeOf(block, { id: id() })).toBe(code);
    expect(await ada.codeOf(unblock, { id: id() })).toBe(code);
  });
});
