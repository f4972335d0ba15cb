import { beforeAll, describe, expect, it, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { ask, type Data, follow, guest, type Person, socket } from '../support/client.ts';
import { readCursor } from '../support/followers.ts';
import { addMember } from '../support/invitations.ts';
import { upload } from '../support/upload.ts';
import { openStream } from '../support/wire.ts';

let url: string;
let owner: Person;
let outsider: Person;
let channelId: string;
/** The message that is hidden from users who joined after it, and its file. */
let old: { id: string; seq: number; cursor: string; fileId: string };
/** A reply to it that everybody can read. */
let reply: { id: string };
/** Message of the user who left and came back, from before that. */
let own: { id: string };

/** Viewers by their way into the room. */
const people = new Map<string, Person>();
/** Whether each of them can read messages from before the others joined. */
const viewers = [
  ['a member who joined before it', true],
  ['a member who joined after it', false],
  ['a member who was invited before it and accepted after it', false],
  ['a moderator who joined after it', true],
  ['a former moderator who joined after it', false],
  ['a member who was there before it, left and came back', false],
  ['a member who was kicked and came back', false],
  ['a member who joined once the room showed everything', true],
] as const;
type Viewer = (typeof viewers)[number][0];

const create = `mutation ($settings: ChannelSettingsInput) {
  createRoom(input: { name: "Room", settings: $settings }) { id settings { history } } }`;
const update = `mutation ($id: ID!, $history: HistoryAccess) {
  updateRoom(channelId: $id, settings: { history: $history }) { settings { history } } }`;
const join = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const leave = 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }';
const kick = 'mutation ($id: ID!, $userId: ID!) { kick(channelId: $id, userId: $userId) { id } }';
const setRole = `mutation ($id: ID!, $userId: ID!, $role: MemberRole!) {
  setRole(channelId: $id, userId: $userId, role: $role) { role } }`;
const send = 'mutation ($input: SendInput!) { send(input: $input) { message { id seq cursor } } }';
const edit = 'mutation ($id: ID!, $text: String) { editMessage(messageId: $id, text: $text) { id } }';
const react = 'mutation ($id: ID!) { addReaction(messageId: $id, emoji: "👍") { id } }';
const pin = 'mutation ($id: ID!) { pinMessage(messageId: $id) { id } }';

const say = async (who: Person, input: object): Promise<Data> =>
  (await who.ask(send, { input: { channelId, ...input } })).send.message;
const enter = (who: Person, id = channelId) => who.ask(join, { id });
const ofMember = async (who: Person, selection: string): Promise<Data> =>
  (await who.ask(`query ($id: ID!) { channel(id: $id) { ${selection} } }`, { id: channelId })).channel;
const findIn = (nodes: readonly Data[], id: string): boolean => nodes.some((node) => node.id === id);

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  [owner, outsider] = (await Promise.all(['Owner', 'Outsider'].map((name) => guest(url, name)))) as [Person, Person];
  channelId = (await owner.ask(create, { settings: { history: 'SINCE_JOINED' } })).createRoom.id;
  for (const [name] of viewers) people.set(name, await guest(url, 'Viewer'));
  const of = (name: Viewer) => people.get(name) as Person;
  const before: Viewer[] = ['a member who joined before it', 'a member who was there before it, left and came back'];
  for (const name of [...before, 'a member who was kicked and came back'] as const) await enter(of(name));
  const invited = of('a member who was invited before it and accepted after it');
  await owner.ask('mutation ($id: ID!, $userId: ID!) { invite(channelId: $id, userId: $userId) { id } }', {
    id: channelId,
    userId: invited.id,
  });

  const file = await upload(url, owner.token, { bytes: 'secret', filename: 'old.txt' }, channelId);
  const fileId = file.data.upload.id;
  old = { ...(await say(owner, { text: 'old', attachmentIds: [fileId], mentionsAll: true })), fileId };
  await owner.ask(edit, { id: old.id, text: 'old, edited' });
  await owner.ask(pin, { id: old.id });
  own = await say(of('a member who was there before it, left and came back'), { text: 'own' });

  await of('a member who was there before it, left and came back').ask(leave, { id: channelId });
  await owner.ask(kick, { id: channelId, userId: of('a member who was kicked and came back').id });
  for (const name of viewers.map(([one]) => one).slice(1, -1)) await enter(of(name));
  for (const name of ['a moderator who joined after it', 'a former moderator who joined after it'] as const)
    await owner.ask(setRole, { id: channelId, userId: of(name).id, role: 'MODERATOR' });
  const former = of('a former moderator who joined after it').id;
  await owner.ask(setRole, { id: channelId, userId: former, role: 'MEMBER' });
  await owner.ask(update, { id: channelId, history: 'ALL' });
  await enter(of('a member who joined once the room showed everything'));

  reply = await say(owner, { text: 'reply', replyToId: old.id });
  await say(owner, { text: 'new', mentionsAll: true });
  return app.stop;
});

const message = 'id seq text';
const messagesQuery = `subscription ($id: ID!, $after: Int, $isNamed: Boolean = false) { messages(channelId: $id, after: $after) {
  ${message} replyTo { id text } quoted: replyTo { text author { name } } empty: replyTo { id @include(if: $isNamed) } } }`;

/** Follows the room from its beginning, by a socket, until a message comes that everybody gets. */
async function followAll(who: Person): Promise<Data[]> {
  const client = socket(url, who.token);
  const { id } = await say(owner, { text: 'everything before this is there' });
  const followed = follow(client, messagesQuery, { id: channelId, after: 0 });
  await vi.waitFor(() => expect(findIn(followed.received, id)).toBe(true));
  await client.dispose();
  return followed.received;
}

/** Every way to read or to touch a message, which tells whether the old one is there. */
const reads: Record<string, (who: Person) => Promise<boolean>> = {
  'pages backwards': async (who) => {
    const { nodes, pageInfo } = (
      await ofMember(who, `messages(last: 100) { nodes { ${message} } pageInfo { hasPreviousPage } }`)
    ).messages;
    expect(pageInfo.hasPreviousPage).toBe(false);
    return findIn(nodes, old.id);
  },
  'pages forwards': async (who) => {
    const { nodes, pageInfo } = (
      await ofMember(
        who,
        `messages(first: 100, after: "${old.cursor}") { nodes { ${message} } pageInfo { hasPreviousPage hasNextPage } }`,
      )
    ).messages;
    expect(pageInfo.hasNextPage).toBe(false);
    const whole = (await ofMember(who, 'messages(first: 100) { nodes { id } }')).messages.nodes;
    expect(findIn(whole, reply.id)).toBe(true);
    expect(findIn(nodes, reply.id)).toBe(true);
    // The cursor of a message that is hidden has nothing before it.
    expect(pageInfo.hasPreviousPage).toBe(findIn(whole, old.id));
    return findIn(whole, old.id);
  },
  'the first page before the newest message': async (who) => {
    const newest = (await ofMember(who, 'messages(last: 1) { pageInfo { startCursor } }')).messages.pageInfo
      .startCursor;
    const { nodes } = (await ofMember(who, `messages(last: 100, before: "${newest}") { nodes { id } }`)).messages;
    return findIn(nodes, old.id);
  },
  'a page around it': async (who) => {
    const query =
      'query ($id: ID!, $around: ID) { channel(id: $id) { messages(around: $around, first: 3) { nodes { id } } } }';
    const { data, errors } = await ask(url, query, { id: channelId, around: old.id }, who.token);
    if (errors.length > 0) expect(errors[0]?.extensions['code']).toBe('NOT_FOUND');
    return findIn(data.channel?.messages?.nodes ?? [], old.id);
  },
  'a page around another message': async (who) => {
    const { nodes, pageInfo } = (
      await ofMember(who, `messages(around: "${reply.id}", first: 100) { nodes { id } pageInfo { hasPreviousPage } }`)
    ).messages;
    expect(pageInfo.hasPreviousPage).toBe(false);
    return findIn(nodes, old.id);
  },
  changes: async (who) => {
    const { messages, hasMore } = (await ofMember(who, 'changes(after: 0, first: 100) { hasMore messages { id } }'))
      .changes;
    expect([hasMore, findIn(messages, reply.id)]).toEqual([false, true]);
    return findIn(messages, old.id);
  },
  'a resumed subscription': async (who) => findIn(await followAll(who), old.id),
  'a resumed event stream': async (who) => {
    const { id } = await say(owner, { text: 'everything before this is there' });
    const stream = await openStream(url, messagesQuery, { token: who.token, variables: { id: channelId, after: 0 } });
    const ids: string[] = [];
    while (!ids.includes(id)) {
      const { data }: Data = await stream.next();
      ids.push(data.data.messages.id);
    }
    stream.abort();
    return ids.includes(old.id);
  },
  node: async (who) => (await who.ask('query ($id: ID!) { node(id: $id) { id } }', { id: old.id })).node !== null,
  'node of its file': async (who) =>
    (await who.ask('query ($id: ID!) { node(id: $id) { ... on Attachment { url } } }', { id: old.fileId })).node !==
    null,
  'replyTo of a reply': async (who) =>
    (await who.ask('query ($id: ID!) { node(id: $id) { ... on Message { text replyTo { text } } } }', { id: reply.id }))
      .node.replyTo !== null,
  'replyTo of a reply in a resumed subscription': async (who) =>
    (await followAll(who)).find(({ id }) => id === reply.id).replyTo !== null,
  pins: async (who) => findIn((await ofMember(who, 'pinnedMessages { id }')).pinnedMessages, old.id),
  replies: async (who) => {
    const query =
      'query ($id: ID!) { node(id: $id) { ... on Message { versions { text } replies { nodes { id } } } } }';
    return findIn((await who.ask(query, { id: old.id })).node?.replies.nodes ?? [], reply.id);
  },
  'the seen mark': async (who) => {
    const mark = 'mutation ($id: ID!, $seq: Int!) { markSeen(channelId: $id, seq: $seq) { seenSeq } }';
    const code = await who.codeOf(mark, { id: channelId, seq: old.seq });
    expect([null, 'NOT_FOUND']).toContain(code);
    return code === null;
  },
  'the counts, after everything was marked as unread': async (who) => {
    const mark = 'mutation ($id: ID!, $seq: Int!) { markUnread(channelId: $id, seq: $seq) { seenSeq } }';
    const code = await who.codeOf(mark, { id: channelId, seq: old.seq });
    expect([null, 'NOT_FOUND']).toContain(code);
    const shown = 'messages(first: 100) { nodes { id seq kind mentionsAll author { id } } }';
    const { nodes } = (await ofMember(who, shown)).messages;
    if (code !== null) await who.ask(mark, { id: channelId, seq: nodes[0].seq });
    const unread = nodes.filter(
      ({ kind, seq, author }: Data) =>
        kind === 'TEXT' && author.id !== who.id && seq >= (code === null ? old.seq : nodes[0].seq),
    );
    const { viewerMembership } = await ofMember(
      who,
      'viewerMembership { unreadCount mentionCount firstUnseen { id } }',
    );
    expect(viewerMembership).toEqual({
      unreadCount: unread.length,
      mentionCount: unread.filter(({ mentionsAll }: Data) => mentionsAll).length,
      firstUnseen: { id: unread[0].id },
    });
    expect((await who.ask('{ me { unreadCount } }')).me.unreadCount).toBe(unread.length);
    const isThere = unread[0].id === old.id;
    return isThere;
  },
  'a reaction': async (who) => {
    const code = await who.codeOf(react, { id: old.id });
    const undone = await who.codeOf('mutation ($id: ID!) { removeReaction(messageId: $id, emoji: "👍") { id } }', {
      id: old.id,
    });
    expect([null, 'NOT_FOUND']).toContain(code);
    expect(undone).toBe(code);
    return code === null;
  },
  'a report': async (who) => {
    const report = 'mutation ($id: ID!) { report(input: { messageId: $id, reason: "Bad" }) { id } }';
    const code = await who.codeOf(report, { id: old.id });
    expect([null, 'NOT_FOUND']).toContain(code);
    return code === null;
  },
  'edits, deletions and pins': async (who) => {
    const remove = 'mutation ($id: ID!) { deleteMessage(messageId: $id) { id } }';
    const unpin = 'mutation ($id: ID!) { unpinMessage(messageId: $id) { id } }';
    const isModerator = people.get('a moderator who joined after it') === who;
    const codes = [await who.codeOf(edit, { id: old.id, text: 'mine' }), await who.codeOf(pin, { id: old.id })];
    if (!isModerator) codes.push(await who.codeOf(unpin, { id: old.id }), await who.codeOf(remove, { id: old.id }));
    const isThere = codes[0] === 'FORBIDDEN';
    const refusals = codes.map(() => (isThere ? 'FORBIDDEN' : 'NOT_FOUND'));
    expect(codes).toEqual(isModerator ? ['FORBIDDEN', null] : refusals);
    return isThere;
  },
  'a reply to it': async (who) => {
    const code = await who.codeOf(send, { input: { channelId, text: 'to old', replyToId: old.id } });
    // As for an unknown message, so that the difference tells nothing.
    expect([null, 'BAD_USER_INPUT']).toContain(code);
    return code === null;
  },
};

describe.each(viewers)('%s', (name, isReader) => {
  it.each(Object.keys(reads))(`${isReader ? 'finds it by' : 'does not find it by'}: %s`, async (read) => {
    expect(await reads[read]?.(people.get(name) as Person)).toBe(isReader);
  });
});

describe('a user who came back', () => {
  it('cannot read or change own messages from before', async () => {
    const who = people.get('a member who was there before it, left and came back') as Person;
    expect((await who.ask('query ($id: ID!) { node(id: $id) { id } }', { id: own.id })).node).toBeNull();
    expect(await who.codeOf(edit, { id: own.id, text: 'mine' })).toBe('NOT_FOUND');
    expect(await who.codeOf('mutation ($id: ID!) { deleteMessage(messageId: $id) { id } }', { id: own.id })).toBe(
      'NOT_FOUND',
    );
  });
});

describe('users who are not members', () => {
  it('read nothing', async () => {
    const id = (await owner.ask(create, { settings: { history: 'SINCE_JOINED' } })).createRoom.id;
    await owner.ask(send, { input: { channelId: id, text: 'Hello' } });
    const preview =
      'query ($id: ID!) { channel(id: $id) { name lastMessage { id } pinnedMessages { id } messages { nodes { id } } } }';
    const nothing = { lastMessage: null, pinnedMessages: null, messages: null };
    expect((await outsider.ask(preview, { id })).channel).toEqual({ name: 'Room', ...nothing });
  });
});

describe('the setting', () => {
  it('is ALL unless it is given, and changes like the others', async () => {
    const { createRoom } = await owner.ask(create, {});
    expect(createRoom.settings).toEqual({ history: 'ALL' });
    const changed = await owner.ask(update, { id: createRoom.id, history: 'SINCE_JOINED' });
    expect(changed.updateRoom.settings).toEqual({ history: 'SINCE_JOINED' });
    expect(await outsider.codeOf(update, { id: createRoom.id, history: 'ALL' })).toBe('FORBIDDEN');
    expect(await owner.codeOf(update, { id: createRoom.id, history: 'NOTHING' })).toBe('BAD_USER_INPUT');
  });
});

/** A room with a message that Bob, who joined after it, cannot read. */
async function openRoom() {
  const [bob, early] = (await Promise.all(['Bob', 'Early'].map((name) => guest(url, name)))) as [Person, Person];
  const { id } = (await owner.ask(create, { settings: { history: 'SINCE_JOINED' } })).createRoom;
  await enter(early, id);
  const hidden: Data = (await owner.ask(send, { input: { channelId: id, text: 'hidden' } })).send.message;
  await addMember(owner, bob, id);
  const write = async (text: string, replyToId: string | null = null): Promise<Data> =>
    (await owner.ask(send, { input: { channelId: id, text, replyToId } })).send.message;
  const makeBob = (role: string) => owner.ask(setRole, { id, userId: bob.id, role });
  return { id, bob, early, hidden, write, makeBob };
}

const updatesQuery = `subscription ($after: String) { updates(after: $after) { cursor event { __typename
  ... on MessageChanged { message { id text replyTo { id } } } ... on ResyncRequired { channel { id } } } } }`;
const updatesPage = `query ($after: String) { updates(after: $after, first: 100) { cursor updates { event { __typename
  ... on MessageChanged { message { id replyTo { id } } } ... on ResyncRequired { channel { id } } } } } }`;
const kindsOf = (updates: readonly Data[]): string[] => updates.map(({ event }) => event.__typename);

describe('changes of a message that is hidden', () => {
  test('reach members who can read it, live and later, and no others', async () => {
    const { id, bob, early, hidden, write } = await openRoom();
    const followers = [bob, early].map((who) => {
      const client = socket(url, who.token);
      const messages = follow(client, messagesQuery, { id });
      const updates = follow(client, updatesQuery);
      return { who, client, messages, updates };
    });
    for (const { updates } of followers)
      await vi.waitFor(() => expect(kindsOf(updates.received)).toContain('CaughtUp'));
    const cursors = await Promise.all(followers.map(({ who }) => readCursor(url, who.token)));
    await owner.ask(react, { id: hidden.id });
    await owner.ask(edit, { id: hidden.id, text: 'hidden still' });
    const { id: answer } = await write('answer', hidden.id);
    const { id: last } = await write('last');

    for (const [n, { who, client, messages, updates }] of followers.entries()) {
      const isReader = who === early;
      await vi.waitFor(() => expect(findIn(messages.received, last)).toBe(true));
      const shown = () => updates.received.flatMap(({ event }) => event.message ?? []);
      await vi.waitFor(() => expect(findIn(shown(), last)).toBe(true));
      const page = (await who.ask(updatesPage, { after: cursors[n] })).updates.updates;
      const paged = page.flatMap(({ event }: Data) => event.message ?? []);
      for (const received of [messages.received, shown(), paged]) {
        expect(findIn(received, hidden.id)).toBe(isReader);
        const { replyTo, quoted = replyTo } = received.find((one: Data) => one.id === answer);
        expect([replyTo?.id ?? null, quoted === null]).toEqual(isReader ? [hidden.id, false] : [null, true]);
      }
      expect(messages.received.find((one: Data) => one.id === answer).empty).toEqual(isReader ? {} : null);
      await client.dispose();
    }
  });
});

describe('a role that decides which messages a member can read', () => {
  test('yields ResyncRequired for the room when it changes, live and in pages, and ends streams of messages', async () => {
    const { id, bob, hidden, write, makeBob } = await openRoom();
    const client = socket(url, bob.token);
    const updates = follow(client, updatesQuery);
    await vi.waitFor(() => expect(kindsOf(updates.received)).toContain('CaughtUp'));
    const resyncs = () => updates.received.filter(({ event }) => event.channel?.id === id).length;
    for (const [n, role] of ['MODERATOR', 'MEMBER'].entries()) {
      const after = await readCursor(url, bob.token);
      const messages = follow(client, messagesQuery, { id });
      await write(`before ${role}`);
      await vi.waitFor(() => expect(messages.received).not.toEqual([]));
      await makeBob(role);
      await vi.waitFor(() => expect(resyncs()).toBe(n + 1));
      const page = await bob.ask(updatesPage, { after });
      expect(page.updates.updates).toContainEqual({ event: { __typename: 'ResyncRequired', channel: { id } } });
      await vi.waitFor(async () => {
        await write(`after ${role}`);
        expect(messages.ended?.errors[0]?.extensions?.['code']).toBe('RESYNC_REQUIRED');
      });

      await owner.ask(edit, { id: hidden.id, text: `for a ${role}` });
      const { id: next } = await write('next');
      const shown = () => updates.received.flatMap(({ event }) => event.message ?? []);
      await vi.waitFor(() => expect(findIn(shown(), next)).toBe(true));
      expect(shown().some(({ text }) => text === `for a ${role}`)).toBe(role === 'MODERATOR');
    }
    await client.dispose();
  });
});

describe('leaving and coming back', () => {
  test('yields ResyncRequired for the room, and hides the messages from before', async () => {
    const { id, early, hidden, write } = await openRoom();
    const after = await readCursor(url, early.token);
    const client = socket(url, early.token);
    const updates = follow(client, updatesQuery);
    await vi.waitFor(() => expect(kindsOf(updates.received)).toContain('CaughtUp'));
    await early.ask(leave, { id });
    await enter(early, id);
    const resync = { __typename: 'ResyncRequired', channel: { id } };
    await vi.waitFor(() => expect(updates.received.map(({ event }) => event)).toContainEqual(resync));
    expect((await early.ask(updatesPage, { after })).updates.updates).toContainEqual({ event: resync });
    await owner.ask(edit, { id: hidden.id, text: 'still hidden' });
    const { id: last } = await write('last');
    const shown = () => updates.received.flatMap(({ event }) => event.message ?? []);
    await vi.waitFor(() => expect(findIn(shown(), last)).toBe(true));
    expect(findIn(shown(), hidden.id)).toBe(false);
    await client.dispose();
  });
});
