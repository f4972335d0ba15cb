import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, type Data, follow, guest, type Person, socket } from '../support/client.ts';

let url: string;
let ada: Person;
let bob: Person;

beforeAll(async () => {
  const app = await startApp({ RATE_LIMITS: 'off' });
  ({ url } = app);
  [ada, bob] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob')]);
  return app.stop;
});

const own = 'seenSeq unreadCount mentionCount firstUnseen { text } notify pinned archived';
const markSeen = `mutation ($id: ID!, $seq: Int!) { markSeen(channelId: $id, seq: $seq) { ${own} } }`;
const markUnread = `mutation ($id: ID!, $seq: Int!) { markUnread(channelId: $id, seq: $seq) { ${own} } }`;
const prefer = `mutation ($id: ID!, $input: MembershipInput!) { updateMembership(channelId: $id, input: $input) { ${own} } }`;
const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const leave = 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }';
const send = 'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { seq } } }';
const look = `query ($id: ID!) { me { unreadCount } channel(id: $id) { viewerMembership { ${own} } } }`;
const updates = `query ($after: String) { updates(after: $after) { cursor updates { event {
  ... on MembershipChanged { channelId membership { seenSeq pinned } } } } } }`;

/** Creates a room of Ada with Bob, in which Ada has sent texts. Their seqs begin at 3. */
async function roomWith(texts: readonly string[], name = 'Hall'): Promise<string> {
  const create = 'mutation ($name: String!) { createRoom(input: { name: $name }) { id } }';
  const { id } = (await ada.ask(create, { name })).createRoom;
  await bob.ask(join, { id });
  for (const text of texts) await ada.ask(send, { id, text });
  return id;
}

const change = async (id: string, input: object) => (await bob.ask(prefer, { id, input })).updateMembership;
const membership = async (id: string) => (await bob.ask(look, { id })).channel.viewerMembership;

/** Returns the error codes of an operation on a channel for a user who may not: a stranger, nobody, and with an id of nothing. */
async function refusals(operation: string, variables: object): Promise<(string | null | undefined)[]> {
  const eve = await guest(url, 'Eve');
  const open = await roomWith([]);
  const direct = (await ada.ask('mutation ($id: ID!) { openDirect(userId: $id) { id } }', { id: bob.id })).openDirect
    .id;
  const { errors } = await ask(url, operation, { id: open, ...variables });
  const missing = direct.replace(/.{6}$/, 'AAAAAA');
  const byEve = [open, direct, missing, 'nonsense'].map((id) => eve.codeOf(operation, { id, ...variables }));
  return [...(await Promise.all(byEve)), errors[0]?.extensions?.['code']];
}

const refused = ['FORBIDDEN', 'NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND', 'UNAUTHENTICATED'];

describe('a seen mark', () => {
  it('moves back, never forward, also before the joining, and is new after leaving and joining again', async () => {
    const id = await roomWith(['one', 'two', 'three']);
    const unread = async (seq: number) => (await bob.ask(markUnread, { id, seq })).markUnread;
    expect((await bob.ask(markSeen, { id, seq: 99 })).markSeen).toMatchObject({ seenSeq: 5, unreadCount: 0 });
    expect(await unread(99)).toMatchObject({ seenSeq: 5, unreadCount: 0 });
    expect(await unread(4)).toMatchObject({ seenSeq: 3, unreadCount: 2, firstUnseen: { text: 'two' } });
    expect(await unread(5)).toMatchObject({ seenSeq: 3, unreadCount: 2 });
    expect(await unread(1)).toMatchObject({ seenSeq: 0, unreadCount: 3, firstUnseen: { text: 'one' } });
    expect((await bob.ask(markSeen, { id, seq: 3 })).markSeen).toMatchObject({ seenSeq: 3, unreadCount: 2 });
    await bob.ask(leave, { id });
    await bob.ask(join, { id });
    expect(await membership(id)).toMatchObject({ seenSeq: 7, unreadCount: 0, firstUnseen: null });
  });

  it('is moved by members alone, and by seqs that there can be', async () => {
    expect(await refusals(markUnread, { seq: 1 })).toEqual(refused);
    const id = await roomWith([]);
    expect(await bob.codeOf(markUnread, { id, seq: 0 })).toBe('BAD_USER_INPUT');
    expect(await bob.codeOf(markUnread, { id, seq: -(2 ** 31) })).toBe('BAD_USER_INPUT');
  });
});

describe('the preferences of a member', () => {
  it('change one by one, are told to other devices, and are seen by nobody else', async () => {
    const id = await roomWith([]);
    const phone = follow(
      socket(url, bob.token),
      'subscription { updates { event { ... on MembershipChanged { channelId membership { notify pinned archived } } } } }',
    );
    await vi.waitFor(() => expect(phone.received).toHaveLength(1));
    expect(await change(id, { notify: 'NOTHING' })).toMatchObject({
      notify: 'NOTHING',
      pinned: false,
      archived: false,
    });
    expect(await change(id, { pinned: true })).toMatchObject({ notify: 'NOTHING', pinned: true, archived: false });
    expect(await change(id, { notify: null, archived: true })).toMatchObject({ notify: 'NOTHING', archived: true });
    const told = { channelId: id, membership: { notify: 'NOTHING', pinned: true, archived: true } };
    await vi.waitFor(() => expect(phone.received.at(-1).event).toEqual(told));
    expect(await change(id, { notify: 'ALL', pinned: false, archived: false })).toMatchObject({
      notify: 'ALL',
      pinned: false,
      archived: false,
    });
    const members = `query ($id: ID!) { channel(id: $id) { members { edges { membership { notify pinned archived } node { id } } } } }`;
    const { edges } = (await ada.ask(members, { id })).channel.members;
    expect(edges).toContainEqual({ node: { id: bob.id }, membership: { notify: null, pinned: null, archived: null } });
  });

  it('come after a resume with an old cursor, as a mark that moved back does', async () => {
    const [first, second] = [await roomWith(['one']), await roomWith(['one'])];
    await bob.ask(markSeen, { id: second, seq: 3 });
    const { cursor } = (await bob.ask(updates)).updates;
    await change(first, { pinned: true });
    await bob.ask(markUnread, { id: second, seq: 3 });
    const found = (await bob.ask(updates, { after: cursor })).updates.updates.map(({ event }: Data) => event);
    expect(found).toContainEqual({ channelId: first, membership: { seenSeq: 2, pinned: true } });
    expect(found).toContainEqual({ channelId: second, membership: { seenSeq: 2, pinned: false } });
  });

  it('end with the membership', async () => {
    const id = await roomWith([]);
    await change(id, { notify: 'NOTHING', pinned: true, archived: true });
    await bob.ask(leave, { id });
    await bob.ask(join, { id });
    expect(await membership(id)).toMatchObject({ notify: 'ALL', pinned: false, archived: false });
  });

  it('are changed by members alone, and not by an empty input', async () => {
    expect(await refusals(prefer, { input: { pinned: true } })).toEqual(refused);
    const id = await roomWith([]);
    for (const input of [{}, { pinned: null }]) expect(await bob.codeOf(prefer, { id, input })).toBe('BAD_USER_INPUT');
  });

  it('decide which unread messages the user is told of', async () => {
    const id = await roomWith(['one', 'two']);
    const badge = async () => (await bob.ask(look, { id })).me.unreadCount;
    const before = await badge();
    for (const [input, counted] of [
      [{ notify: 'NOTHING' }, 0],
      [{ notify: 'ALL' }, 2],
      [{ archived: true }, 0],
    ] as const) {
      expect(await change(id, input)).toMatchObject({ unreadCount: 2 });
      expect(await badge()).toBe(before - 2 + counted);
    }
    await ada.ask(send, { id, text: 'three' });
    expect(await badge()).toBe(before + 1);
    await change(id, { notify: 'MENTIONS' });
    expect(await badge()).toBe(before - 2);
    expect(await membership(id)).toMatchObject({ unreadCount: 3, mentionCount: 0 });
  });
});

describe("a user's list of channels", () => {
  const list = `query ($first: Int, $after: String, $last: Int, $before: String, $archived: Boolean) { me {
    channels(first: $first, after: $after, last: $last, before: $before, archived: $archived) {
      edges { cursor node { name } } pageInfo { hasNextPage hasPreviousPage }
    }
  } }`;
  let rooms: string[];

  beforeAll(async () => {
    [ada, bob] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob')]);
    rooms = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) rooms.push(await roomWith([], name));
  });

  const page = async (variables: object = {}): Promise<Data> => (await bob.ask(list, variables)).me.channels;
  const names = ({ edges }: Data): string => edges.map(({ node }: Data) => node.name).join('');

  it('has pinned ones first, each part by latest activity, and pages in both directions', async () => {
    expect(names(await page())).toBe('edcba');
    for (const id of [rooms[0], rooms[2]]) await change(id ?? '', { pinned: true });
    const { edges } = await page();
    expect(names({ edges })).toBe('caedb');
    for (const [n, { cursor }] of edges.entries()) {
      expect(names(await page({ first: 2, after: cursor }))).toBe('caedb'.slice(n + 1, n + 3));
      expect(names(await page({ last: 2, before: cursor }))).toBe('caedb'.slice(Math.max(0, n - 2), n));
    }
    expect((await page({ first: 5 })).pageInfo).toEqual({ hasNextPage: false, hasPreviousPage: false });
    await ada.ask(send, { id: rooms[0], text: 'news' });
    expect(names(await page())).toBe('acedb');
  });

  it('takes a cursor of a former release', async () => {
    const { edges } = await page();
    const former = Buffer.from(edges[2].cursor, 'base64url').toString().replace(/^0:/, '');
    expect(names(await page({ after: Buffer.from(former).toString('base64url') }))).toBe('db');
  });

  it('leaves out archived ones until the next message, which a user who joins is not', async () => {
    const id = rooms[3] ?? '';
    await change(id, { archived: true });
    expect(names(await page())).toBe('aceb');
    expect(names(await page({ archived: true }))).toBe('acedb');
    const eve = await guest(url, 'Eve');
    await eve.ask(join, { id });
    expect(names(await page())).toBe('aceb');
    await bob.ask('mutation ($id: ID!) { block(userId: $id) { id } }', { id: eve.id });
    await eve.ask(send, { id, text: 'hidden' });
    expect(names(await page())).toBe('aceb');
    const { message } = (await ada.ask(send.replace('seq', 'id'), { id, text: 'news' })).send;
    expect(names(await page())).toBe('acdeb');
    await ada.ask('mutation ($id: ID!) { deleteMessage(messageId: $id) { id } }', { id: message.id });
    expect(names(await page())).toBe('acdeb');
    expect(await membership(id)).toMatchObject({ archived: false });
  });
});
