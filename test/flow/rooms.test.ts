import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { follow, guest, type Person, socket } from '../support/client.ts';

let url: string;
let ada: Person;
let bob: Person;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  [ada, bob] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob')]);
  return app.stop;
});

const create = `mutation ($name: String!, $visibility: Visibility, $clientId: String) {
  createRoom(input: { name: $name, visibility: $visibility, clientId: $clientId }) {
    id name kind visibility memberCount viewerMembership { role seenSeq unreadCount }
  }
}`;
const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id memberCount viewerMembership { role } } }';
const leave = 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id memberCount viewerMembership { role } } }';
const update = `mutation ($id: ID!, $name: String, $visibility: Visibility) {
  updateRoom(channelId: $id, name: $name, visibility: $visibility) { name visibility }
}`;
const close = 'mutation ($id: ID!) { closeRoom(channelId: $id) { id closedAt } }';
const invite = 'mutation ($id: ID!, $userId: ID!) { invite(channelId: $id, userId: $userId) { memberCount } }';
const send = 'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id } } }';
const rooms = `query ($search: String, $first: Int, $after: String, $last: Int, $before: String) {
  rooms(search: $search, first: $first, after: $after, last: $last, before: $before) {
    nodes { id name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`;
const history = 'query ($id: ID!) { channel(id: $id) { messages(last: 50) { nodes { kind author { name } text } } } }';

async function openRoom(name: string, visibility = 'PUBLIC', host = ada): Promise<string> {
  return (await host.ask(create, { name, visibility })).createRoom.id;
}

describe('a room', () => {
  it('is opened by its owner, once for one clientId', async () => {
    const input = { name: '  Tea  ', visibility: 'PUBLIC', clientId: 'tea-1' };
    const { createRoom } = await ada.ask(create, input);
    expect(createRoom).toEqual({
      id: expect.stringMatching(/^c_/),
      name: 'Tea',
      kind: 'ROOM',
      visibility: 'PUBLIC',
      memberCount: 1,
      viewerMembership: { role: 'OWNER', seenSeq: 1, unreadCount: 0 },
    });
    expect((await ada.ask(create, { ...input, name: 'Other' })).createRoom.id).toBe(createRoom.id);
    expect((await bob.ask(create, input)).createRoom.id).not.toBe(createRoom.id);
  });

  it.each(['', '   ', 'x'.repeat(81), 'a\0b', '\ud800'])('is not called %o', async (name) => {
    expect(await ada.codeOf(create, { name })).toBe('BAD_USER_INPUT');
  });

  it('is joined and left by anybody, as its history and its members tell', async () => {
    const id = await openRoom('Open');
    expect((await bob.ask(join, { id })).joinRoom).toMatchObject({
      memberCount: 2,
      viewerMembership: { role: 'MEMBER' },
    });
    expect((await bob.ask(join, { id })).joinRoom).toMatchObject({ memberCount: 2 });
    await bob.ask(send, { id, text: 'Hello' });
    const { channel } = await ada.ask(
      'query ($id: ID!) { channel(id: $id) { members(first: 5) { edges { membership { role } node { name } } } } }',
      { id },
    );
    expect(channel.members.edges).toEqual([
      { membership: { role: 'OWNER' }, node: { name: 'Ada' } },
      { membership: { role: 'MEMBER' }, node: { name: 'Bob' } },
    ]);
    expect((await bob.ask(leave, { id })).leaveChannel).toMatchObject({ memberCount: 1, viewerMembership: null });
    expect(await bob.codeOf(send, { id, text: 'From outside' })).toBe('FORBIDDEN');
    expect((await bob.ask(history, { id })).channel.messages).toBeNull();

    await bob.ask(join, { id });
    expect((await bob.ask(history, { id })).channel.messages.nodes.map((one: { kind: string }) => one.kind)).toEqual([
      'JOINED',
      'JOINED',
      'TEXT',
      'LEFT',
      'JOINED',
    ]);
  });

  it('that is private is found and joined by nobody, and read by who is invited', async () => {
    const id = await openRoom('Private affairs', 'PRIVATE');
    expect((await bob.ask(rooms, { search: 'private affairs' })).rooms.nodes).toEqual([]);
    expect((await bob.ask('query ($id: ID!) { channel(id: $id) { id } }', { id })).channel).toBeNull();
    expect(await bob.codeOf(join, { id })).toBe('NOT_FOUND');
    expect((await ada.ask(invite, { id, userId: bob.id })).invite.memberCount).toBe(2);
    expect((await bob.ask(history, { id })).channel.messages.nodes).toHaveLength(2);
    expect(await ada.codeOf(invite, { id, userId: ada.id })).toBe('BAD_USER_INPUT');
  });

  it('is changed and closed by its owner alone, and then takes nothing more but can be read', async () => {
    const id = await openRoom('Before');
    await bob.ask(join, { id });
    expect(await bob.codeOf(update, { id, name: 'Mine' })).toBe('FORBIDDEN');
    expect(await bob.codeOf(close, { id })).toBe('FORBIDDEN');
    expect((await ada.ask(update, { id, name: 'After' })).updateRoom).toEqual({ name: 'After', visibility: 'PUBLIC' });
    expect((await ada.ask(update, { id, visibility: 'PRIVATE' })).updateRoom).toEqual({
      name: 'After',
      visibility: 'PRIVATE',
    });
    expect((await ada.ask(close, { id })).closeRoom.closedAt).not.toBeNull();
    expect(await bob.codeOf(send, { id, text: 'Too late' })).toBe('CONFLICT');
    expect((await bob.ask(history, { id })).channel.messages.nodes).toHaveLength(2);
  });

  it('passes to who has been there longest when its owner leaves, and closes when the last one does', async () => {
    const id = await openRoom('Handed on');
    await bob.ask(join, { id });
    await ada.ask(leave, { id });
    const own = 'query ($id: ID!) { channel(id: $id) { closedAt viewerMembership { role } } }';
    expect((await bob.ask(own, { id })).channel).toEqual({ closedAt: null, viewerMembership: { role: 'OWNER' } });
    await bob.ask(leave, { id });
    expect((await bob.ask(own, { id })).channel.closedAt).not.toBeNull();
  });
});

describe('the list of rooms', () => {
  it('is paged both ways without holes or repeats, and searched by a part of the name', async () => {
    for (let n = 0; n < 7; n++) await openRoom(`Paged ${n}`);
    const all = (await bob.ask(rooms, { search: 'PAGED' })).rooms.nodes.map(({ name }: { name: string }) => name);
    expect(all).toEqual([6, 5, 4, 3, 2, 1, 0].map((n) => `Paged ${n}`));

    const forward: string[] = [];
    let page = (await bob.ask(rooms, { search: 'paged', first: 3 })).rooms;
    for (;;) {
      forward.push(...page.nodes.map(({ name }: { name: string }) => name));
      if (!page.pageInfo.hasNextPage) break;
      page = (await bob.ask(rooms, { search: 'paged', first: 3, after: page.pageInfo.endCursor })).rooms;
    }
    expect(forward).toEqual(all);

    const back = (await bob.ask(rooms, { search: 'paged', last: 3, before: page.pageInfo.startCursor })).rooms;
    expect(back.nodes.map(({ name }: { name: string }) => name)).toEqual(all.slice(3, 6));
    expect(back.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: true });
  });

  it.each([{ first: 101 }, { first: -1 }, { first: 1, last: 1 }, { after: 'nonsense' }])(
    'refuses %o',
    async (variables) => {
      expect(await ada.codeOf(rooms, variables)).toBe('BAD_USER_INPUT');
    },
  );
});

describe('a direct channel', () => {
  const open = 'mutation ($userId: ID!) { openDirect(userId: $userId) { id kind peer { name } memberCount } }';

  it('is one, whoever opens it and however often', async () => {
    const [first, again, other] = await Promise.all([
      ada.ask(open, { userId: bob.id }),
      ada.ask(open, { userId: bob.id }),
      bob.ask(open, { userId: ada.id }),
    ]);
    expect(first.openDirect).toMatchObject({ kind: 'DIRECT', peer: { name: 'Bob' }, memberCount: 2 });
    expect([again.openDirect.id, other.openDirect.id]).toEqual([first.openDirect.id, first.openDirect.id]);
    expect(other.openDirect.peer.name).toBe('Ada');
  });

  it('takes nobody else, is not left, and needs another', async () => {
    const eve = await guest(url, 'Eve');
    const { id } = (await ada.ask(open, { userId: bob.id })).openDirect;
    expect(await ada.codeOf(invite, { id, userId: eve.id })).toBe('FORBIDDEN');
    expect(await ada.codeOf(leave, { id })).toBe('FORBIDDEN');
    expect(await eve.codeOf(send, { id, text: 'Hello' })).toBe('NOT_FOUND');
    expect(await ada.codeOf(open, { userId: ada.id })).toBe('BAD_USER_INPUT');
    expect(await ada.codeOf(open, { userId: id })).toBe('NOT_FOUND');
  });
});

describe("the viewer's channels", () => {
  it('are told as they change: joined, written in, seen elsewhere, left', async () => {
    const id = await openRoom('Followed');
    const client = socket(url, bob.token);
    const list = follow(
      client,
      'subscription { channels { id name lastMessage { text } viewerMembership { unreadCount } } }',
    );
    const last = () => list.received.filter((one) => one.id === id).at(-1);
    await vi.waitFor(async () => {
      await bob.ask(update, { id: await openRoom('Poke', 'PUBLIC', bob), name: 'Poked' });
      expect(list.received.length).toBeGreaterThan(0);
    });

    await bob.ask(join, { id });
    await vi.waitFor(() => expect(last()).toMatchObject({ viewerMembership: { unreadCount: 0 } }), { timeout: 5_000 });
    await ada.ask(send, { id, text: 'News' });
    const news = { lastMessage: { text: 'News' }, viewerMembership: { unreadCount: 1 } };
    await vi.waitFor(() => expect(last()).toMatchObject(news), { timeout: 5_000 });
    await bob.ask('mutation ($id: ID!) { markSeen(channelId: $id, seq: 99) { seenSeq } }', { id });
    await vi.waitFor(() => expect(last()).toMatchObject({ viewerMembership: { unreadCount: 0 } }), { timeout: 5_000 });
    await bob.ask(leave, { id });
    await vi.waitFor(() => expect(last()).toMatchObject({ viewerMembership: null }), { timeout: 5_000 });
    await client.dispose();
  });
});
