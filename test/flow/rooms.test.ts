import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, type Data, follow, guest, type Person, socket } from '../support/client.ts';
import { addMember, openDirectOf } from '../support/invitations.ts';

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
const look = `query ($id: ID!) { channel(id: $id) {
  id name closedAt memberCount peer { id } members { nodes { id } } messages { position } changes(after: 0) { position }
  lastMessage { id } position online { id } onlineCount viewerMembership { id role }
} }`;
const openDirect = 'mutation ($userId: ID!) { openDirect(userId: $userId) { id kind peer { name } memberCount } }';
/** Operations on a channel; each returns its id where it is allowed. */
const operations = {
  joinRoom: 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }',
  leaveChannel: 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }',
  updateRoom: 'mutation ($id: ID!) { updateRoom(channelId: $id, name: "Taken over") { id } }',
  closeRoom: 'mutation ($id: ID!) { closeRoom(channelId: $id) { id } }',
  invite: 'mutation ($id: ID!, $userId: ID!) { invite(channelId: $id, userId: $userId) { id } }',
  send: 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { id } } }',
  markSeen: 'mutation ($id: ID!) { markSeen(channelId: $id, seq: 1) { id } }',
  markUnread: 'mutation ($id: ID!) { markUnread(channelId: $id, seq: 1) { id } }',
  updateMembership: 'mutation ($id: ID!) { updateMembership(channelId: $id, input: { notify: ALL }) { id } }',
};

/** Returns the error code of each operation; null where it is allowed. */
async function refusals(
  who: Person,
  variables: { id: string; userId?: string },
): Promise<Record<string, string | null>> {
  const codes: Record<string, string | null> = {};
  for (const [name, operation] of Object.entries(operations)) {
    codes[name] = await who.codeOf(
      operation,
      name === 'invite' ? { userId: bob.id, ...variables } : { id: variables.id },
    );
  }
  return codes;
}

/** Returns an id in the right format that belongs to nothing. */
function foreignId(prefix: string): string {
  return `${prefix}_${Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url')}`;
}

/** Returns another spelling of an id that decodes to the same bytes: its last character has unused bits. */
function respelled(id: string): string {
  return id.slice(0, -1) + String.fromCharCode(id.charCodeAt(id.length - 1) + 1);
}

/** Returns the codes of all operations: the same for all, except those in `others`. */
function all(code: string, others: Record<string, string | null> = {}): Record<string, string | null> {
  return { ...Object.fromEntries(Object.keys(operations).map((name) => [name, code])), ...others };
}

async function openRoom(name: string, visibility = 'PUBLIC', host = ada): Promise<string> {
  return (await host.ask(create, { name, visibility })).createRoom.id;
}

describe('a room', () => {
  it('is created by its owner, once per clientId', async () => {
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

  it.each(['', '   ', 'x'.repeat(81), 'a\0b', '\ud800'])('cannot be named %o', async (name) => {
    expect(await ada.codeOf(create, { name })).toBe('BAD_USER_INPUT');
  });

  it('can be joined and left by anyone, which its history and its members show', async () => {
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
    expect((await bob.ask(history, { id })).channel.messages.nodes).toEqual([
      { kind: 'JOINED', author: { name: 'Ada' }, text: '' },
      { kind: 'JOINED', author: { name: 'Bob' }, text: '' },
      { kind: 'TEXT', author: { name: 'Bob' }, text: 'Hello' },
      { kind: 'LEFT', author: { name: 'Bob' }, text: '' },
      { kind: 'JOINED', author: { name: 'Bob' }, text: '' },
    ]);
  });

  it('that is private cannot be found or joined, and can be read by invited users', async () => {
    const id = await openRoom('Private affairs', 'PRIVATE');
    expect((await bob.ask(rooms, { search: 'private affairs' })).rooms.nodes).toEqual([]);
    expect((await bob.ask('query ($id: ID!) { channel(id: $id) { id } }', { id })).channel).toBeNull();
    expect(await bob.codeOf(join, { id })).toBe('NOT_FOUND');
    expect((await ada.ask(invite, { id, userId: bob.id })).invite.memberCount).toBe(1);
    expect((await bob.ask(history, { id })).channel.messages).toBeNull();
    expect((await bob.ask(join, { id })).joinRoom.memberCount).toBe(2);
    expect((await bob.ask(history, { id })).channel.messages.nodes).toHaveLength(2);
  });

  it('admits each user invited by any member once, and its history names them', async () => {
    const [eve, id] = [await guest(url, 'Eve'), await openRoom('Invited', 'PRIVATE')];
    await addMember(ada, bob, id);
    for (const one of [bob, ada]) expect((await one.ask(invite, { id, userId: eve.id })).invite.memberCount).toBe(2);
    expect((await eve.ask(join, { id })).joinRoom.memberCount).toBe(3);
    expect((await ada.ask(invite, { id, userId: eve.id })).invite.memberCount).toBe(3);
    expect((await eve.ask(history, { id })).channel.messages.nodes).toEqual(
      ['Ada', 'Bob', 'Eve'].map((name) => ({ kind: 'JOINED', author: { name }, text: '' })),
    );
    await eve.ask(leave, { id });
    expect(await eve.codeOf(join, { id })).toBe('NOT_FOUND');
    await addMember(bob, eve, id);
  });

  it('refuses an invitation of an unknown user, and of the inviting user', async () => {
    const id = await openRoom('Careful');
    for (const userId of ['', 'nobody', id, foreignId('u')])
      expect(await ada.codeOf(invite, { id, userId })).toBe('NOT_FOUND');
    expect(await ada.codeOf(invite, { id, userId: ada.id })).toBe('BAD_USER_INPUT');
  });

  it('that is private is NOT_FOUND for outsiders, in every operation', async () => {
    const id = await openRoom('Hidden', 'PRIVATE');
    const eve = await guest(url, 'Eve');
    expect(await refusals(eve, { id })).toEqual(all('NOT_FOUND'));
    expect((await eve.ask(look, { id })).channel).toBeNull();
    const { channel } = await ada.ask(look, { id });
    for (const hidden of [id, channel.viewerMembership.id, channel.lastMessage.id])
      expect((await eve.ask('query ($id: ID!) { node(id: $id) { id } }', { id: hidden })).node).toBeNull();
    expect(channel).toMatchObject({ name: 'Hidden', memberCount: 1, position: 1 });
  });

  it('that is public is visible to outsiders, but FORBIDDEN for operations of members', async () => {
    const id = await openRoom('Shown');
    const eve = await guest(url, 'Eve');
    expect(await eve.codeOf(leave, { id })).toBe('FORBIDDEN');
    expect(await refusals(eve, { id })).toEqual(all('FORBIDDEN', { joinRoom: null, leaveChannel: null }));
  });

  it('is not found by another id, forged or of another type', async () => {
    for (const id of [
      '',
      'room',
      'c_',
      `c_${'!'.repeat(22)}`,
      foreignId('c'),
      foreignId('z'),
      ada.id,
      `${await openRoom('Longer')}A`,
      respelled(await openRoom('Respelled')),
    ]) {
      expect(await refusals(ada, { id })).toEqual(all('NOT_FOUND'));
      expect((await ada.ask(look, { id })).channel).toBeNull();
    }
  });

  it('requires signing in', async () => {
    const id = await openRoom('Signed in');
    for (const operation of [create, ...Object.values(operations), openDirect, rooms]) {
      const { data, errors } = await ask(url, operation, { id, name: 'x', userId: bob.id });
      expect(errors.map(({ extensions }) => extensions['code'])).toEqual(['UNAUTHENTICATED']);
      expect(Object.values(data)).toEqual([null]);
    }
    expect((await ask(url, look, { id })).data).toEqual({ channel: null });
  });

  it('can be changed and closed by its owner only, and is then read-only', async () => {
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

  it('that is closed admits no users and no changes, and can be left', async () => {
    const eve = await guest(url, 'Eve');
    const id = await openRoom('Over');
    await bob.ask(join, { id });
    const { closedAt } = (await ada.ask(close, { id })).closeRoom;
    expect((await ada.ask(close, { id })).closeRoom.closedAt).toBe(closedAt);
    expect(await eve.codeOf(join, { id })).toBe('CONFLICT');
    expect(await bob.codeOf(invite, { id, userId: eve.id })).toBe('CONFLICT');
    expect(await ada.codeOf(update, { id, name: 'Again' })).toBe('CONFLICT');
    expect((await eve.ask(rooms, { search: 'over' })).rooms.nodes).toEqual([]);
    expect((await bob.ask(leave, { id })).leaveChannel).toMatchObject({ memberCount: 1, viewerMembership: null });
    expect((await ada.ask(history, { id })).channel.messages.nodes.at(-1)).toMatchObject({ kind: 'LEFT' });
  });

  it('that becomes private keeps its members, and other users cannot find it', async () => {
    const eve = await guest(url, 'Eve');
    const id = await openRoom('Withdrawn');
    await bob.ask(join, { id });
    expect((await eve.ask(rooms, { search: 'withdrawn' })).rooms.nodes).toHaveLength(1);
    await ada.ask(update, { id, visibility: 'PRIVATE' });
    expect((await eve.ask(rooms, { search: 'withdrawn' })).rooms.nodes).toEqual([]);
    expect(await eve.codeOf(join, { id })).toBe('NOT_FOUND');
    expect((await bob.ask(look, { id })).channel).toMatchObject({ name: 'Withdrawn', memberCount: 2 });
  });

  it.each(['', '   ', 'x'.repeat(81), 'bell\u0007'])('cannot be renamed %o, and keeps its name', async (name) => {
    const id = await openRoom('x'.repeat(80));
    expect(await ada.codeOf(update, { id, name })).toBe('BAD_USER_INPUT');
    expect((await ada.ask(look, { id })).channel.name).toBe('x'.repeat(80));
  });

  it('passes to the longest-standing member when its owner leaves, and closes when the last member leaves', async () => {
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
  it('is paged in both directions without gaps or duplicates, and searched by a part of the name', async () => {
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

  it('lists active rooms first, takes a search literally, and leaves out closed rooms', async () => {
    const [percent, other, closed] = [
      await openRoom('100% lists'),
      await openRoom('100 lists'),
      await openRoom('1_% lists'),
    ];
    await ada.ask(close, { id: closed });
    const found = async (search: string) => (await bob.ask(rooms, { search })).rooms.nodes.map(({ id }: Data) => id);
    expect(await found(' LISTS')).toEqual([other, percent]);
    await ada.ask(send, { id: percent, text: 'Anybody?' });
    expect(await found(' LISTS')).toEqual([percent, other]);
    expect(await found('0% L')).toEqual([percent]);
    expect(await found('_')).toEqual([]);
  });

  it.each([{ first: 101 }, { first: -1 }, { first: 1, last: 1 }, { after: 'nonsense' }])(
    'refuses %o',
    async (variables) => {
      expect(await ada.codeOf(rooms, variables)).toBe('BAD_USER_INPUT');
    },
  );
});

describe('every cursor of a connection', () => {
  const page =
    'edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }';
  const given = '$first: Int, $after: String, $last: Int, $before: String';
  const pass = 'first: $first, after: $after, last: $last, before: $before';
  const names = Array.from({ length: 7 }, (_, n) => `Walked ${n}`);

  it('works in both directions: rooms', async () => {
    for (const name of names) await openRoom(name);
    const query = `query (${given}) { rooms(search: "walked", ${pass}) { ${page} } }`;
    await walk(async (variables) => (await bob.ask(query, variables)).rooms);
  });

  it("works in both directions: the viewer's channels", async () => {
    const eve = await guest(url, 'Eve');
    for (const name of names) await openRoom(name, 'PRIVATE', eve);
    const query = `query (${given}) { me { channels(${pass}) { ${page} } } }`;
    await walk(async (variables) => (await eve.ask(query, variables)).me.channels);
    const others = await bob.ask('query ($id: ID!) { user(id: $id) { channels { nodes { id } } } }', { id: eve.id });
    expect(others.user.channels).toBeNull();
  });

  it('works in both directions: members', async () => {
    const id = await openRoom('Full house');
    for (const name of names.slice(1)) await (await guest(url, name)).ask(join, { id });
    const query = `query ($id: ID!, ${given}) { channel(id: $id) { members(${pass}) { ${page} } } }`;
    const read = async (variables: object) => (await ada.ask(query, { id, ...variables })).channel.members;
    await walk(read);
    expect((await read({ first: 1 })).nodes).toEqual([{ id: ada.id }]);
    const ofAnother = Buffer.from('3').toString('base64url');
    expect(await ada.codeOf(query, { id, after: ofAnother })).toBe('BAD_USER_INPUT');
    expect((await bob.ask(query, { id })).channel.members).toBeNull();
  });

  /** Pages from every cursor of a connection of seven items, in both directions, and compares each page with the whole. */
  async function walk(read: (variables: object) => Promise<Data>): Promise<void> {
    const { edges } = await read({});
    const cursors: string[] = edges.map(({ cursor }: Data) => cursor);
    expect(new Set(cursors).size).toBe(7);
    for (const [n, cursor] of cursors.entries()) {
      const [after, before] = [await read({ first: 2, after: cursor }), await read({ last: 2, before: cursor })];
      expect(after.edges).toEqual(edges.slice(n + 1, n + 3));
      expect(after.nodes).toEqual(after.edges.map(({ node }: Data) => node));
      expect(before.edges).toEqual(edges.slice(Math.max(0, n - 2), n));
      expect(after.pageInfo).toEqual({
        hasNextPage: n + 3 < 7,
        hasPreviousPage: true,
        startCursor: cursors[n + 1] ?? null,
        endCursor: cursors.slice(n + 1, n + 3).at(-1) ?? null,
      });
      expect(before.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: n > 2 });
    }
    expect((await read({ after: cursors[1], before: cursors[5] })).edges).toEqual(edges.slice(2, 5));
    expect((await read({ last: 2 })).edges).toEqual(edges.slice(5));
    expect((await read({ first: 0 })).edges).toEqual([]);
  }
});

describe('a direct channel', () => {
  const open = openDirect;

  it('exists once, even when both users open it several times', async () => {
    const [first, again, other] = await Promise.all([
      ada.ask(open, { userId: bob.id }),
      ada.ask(open, { userId: bob.id }),
      bob.ask(open, { userId: ada.id }),
    ]);
    expect(first.openDirect).toMatchObject({ kind: 'DIRECT', peer: { name: 'Bob' } });
    expect((await ada.ask(open, { userId: bob.id })).openDirect.memberCount).toBe(2);
    expect([again.openDirect.id, other.openDirect.id]).toEqual([first.openDirect.id, first.openDirect.id]);
    expect(other.openDirect.peer.name).toBe('Ada');
    expect((await bob.ask(history, { id: first.openDirect.id })).channel.messages.nodes).toEqual([]);
    for (const who of [ada, bob]) {
      const { me } = await who.ask('{ me { channels(first: 100) { nodes { id kind } } } }');
      expect(me.channels.nodes.filter(({ kind }: Data) => kind === 'DIRECT')).toEqual([
        { id: first.openDirect.id, kind: 'DIRECT' },
      ]);
    }
  });

  it('admits no other users, can be hidden, and needs another user', async () => {
    const eve = await guest(url, 'Eve');
    const id = await openDirectOf(ada, bob);
    expect(await refusals(ada, { id, userId: eve.id })).toEqual(
      all('FORBIDDEN', {
        joinRoom: null,
        leaveChannel: null,
        send: null,
        markSeen: null,
        markUnread: null,
        updateMembership: null,
      }),
    );
    expect(await refusals(eve, { id })).toEqual(all('NOT_FOUND'));
    expect((await eve.ask(look, { id })).channel).toBeNull();
    expect(await ada.codeOf(open, { userId: ada.id })).toBe('BAD_USER_INPUT');
    expect(await ada.codeOf(open, { userId: id })).toBe('NOT_FOUND');
  });
});

describe("the viewer's channels", () => {
  it('are delivered when they change: joined, written in, seen on another device, left', async () => {
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
    await vi.waitFor(() => expect(last()).toMatchObject({ viewerMembership: { unreadCount: 0 } }));
    await ada.ask(send, { id, text: 'News' });
    const news = { lastMessage: { text: 'News' }, viewerMembership: { unreadCount: 1 } };
    await vi.waitFor(() => expect(last()).toMatchObject(news));
    await bob.ask('mutation ($id: ID!) { markSeen(channelId: $id, seq: 99) { seenSeq } }', { id });
    await vi.waitFor(() => expect(last()).toMatchObject({ viewerMembership: { unreadCount: 0 } }));
    await bob.ask(leave, { id });
    await vi.waitFor(() => expect(last()).toMatchObject({ viewerMembership: null }));
    await client.dispose();
  });
});
