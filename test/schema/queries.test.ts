import {
  type GraphQLOutputType,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
  parse,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import { beforeAll, expect, test, vi } from 'vitest';
import { askServer } from '../../api/compose/operator-socket.ts';
import { schema } from '../../schema/index.ts';
import { startApp } from '../support/app.ts';
import { ask, type Data, follow, guest, type Person, socket } from '../support/client.ts';
import { countStatements } from '../support/counting.ts';
import { openDirectOf } from '../support/invitations.ts';

// The parts of a long list load their rows apart: here all parts belong to one turn of the event loop.
vi.mock('../../api/pacer.ts', () => ({ createPacer: () => ({ enter: () => null, wait: () => Promise.resolve() }) }));

const statements = countStatements();
let url: string;
let ada: Person;
/** Ids of a room with all people and of a room with few. */
let rooms: { many: string; few: string };
/** Cursor of Ada before everything else. */
let start: string;
/** Ids of messages of the room with all people, oldest first. */
let spoken: string[];

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  const people = await Promise.all(Array.from({ length: 55 }, (_, n) => guest(url, `Person ${n}`)));
  const [first, ...others] = people as [Person, ...Person[]];
  ada = first;
  await ada.ask(register);
  await askServer(app.directory, ['add', 'ada@example.org']);
  start = (await ada.ask('{ updates { cursor } }')).updates.cursor;
  rooms = { many: await fill('Many', others, people), few: await fill('Few', others.slice(0, 4), others.slice(0, 4)) };
  spoken = await spokenIn(rooms.many);
  await Promise.all(people.map((one) => one.ask(react, { id: spoken[0] })));
  // Rooms and direct channels alternate, so a page of any size has both.
  for (const [n, one] of others.entries()) {
    await fill(`Room ${n}`, [one], [one]);
    if (n % 2 === 0) await say(one, await openDirectOf(one, ada), null);
  }
  await Promise.all(others.map((one) => one.ask(report, { id: spoken[0] })));
  await goOnline(people);
  return app.stop;
});

/** Guests find ten users at most. */
const register = `mutation {
  register(input: { email: "ada@example.org", password: "battery horse staple", name: "Person 0" }) { token }
}`;
const createRoom = 'mutation ($name: String!) { createRoom(input: { name: $name }) { id } }';
const joinRoom = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const react = 'mutation ($id: ID!) { addReaction(messageId: $id, emoji: "👍") { id } }';
const report = 'mutation ($id: ID!) { report(input: { messageId: $id, reason: "spam" }) { id } }';
const edit = 'mutation ($id: ID!) { editMessage(messageId: $id, text: "Hello again") { id } }';
const editAs = 'mutation ($id: ID!, $text: String!) { editMessage(messageId: $id, text: $text) { id } }';
const unreact = 'mutation ($id: ID!) { removeReaction(messageId: $id, emoji: "👍") { id } }';
const pin = 'mutation ($id: ID!) { pinMessage(messageId: $id) { id } }';
const send = 'mutation ($input: SendInput!) { send(input: $input) { message { id } } }';

/** Creates a room of Ada's with members, and has the speakers reply to its first message. */
async function fill(name: string, members: Person[], speakers: Person[]): Promise<string> {
  const { id } = (await ada.ask(createRoom, { name })).createRoom;
  await Promise.all(members.map((one) => one.ask(joinRoom, { id })));
  const opening = await say(ada, id, null);
  await Promise.all(speakers.map(async (one) => one.ask(edit, { id: await say(one, id, opening) })));
  await ada.ask(pin, { id: opening });
  return id;
}

async function say(who: Person, channelId: string, replyToId: string | null): Promise<string> {
  return (await who.ask(send, { input: { channelId, text: 'Hello', replyToId } })).send.message.id;
}

/** Returns the ids of the newest messages of a room, its first one among them. */
async function spokenIn(id: string): Promise<string[]> {
  const newest = 'query ($id: ID!) { channel(id: $id) { messages(last: 56) { nodes { id } } } }';
  return (await ada.ask(newest, { id })).channel.messages.nodes.map(({ id }: Data) => id);
}

/** Brings everybody online until the server stops. */
async function goOnline(people: Person[]): Promise<void> {
  for (const { token } of people) follow(socket(url, token), 'subscription { channels { id } }');
  await vi.waitFor(async () => {
    const { channel } = await ada.ask('query ($id: ID!) { channel(id: $id) { onlineCount } }', { id: rooms.many });
    expect(channel.onlineCount).toBe(people.length);
  });
}

const user = `
  id name data avatarUrl isGuest createdAt email isModerator isSuspended online lastSeenAt unreadCount blockedByViewer
  channels(first: 2) { nodes { id } }
`;
const message = `
  id cursor kind seq position text data mentionsAll clientId sentAt editedAt deletedAt pinnedAt replyCount
  attachments { id filename mimetype byteSize width height url urlExpiresAt thumbnailUrl }
  versions { text replacedAt }
  reactions { emoji count viewerReacted users { id name } }
  author { ${user} } channel { id name memberCount } replyTo { id author { id name } channel { id name } replyTo { id } }
`;
const membership = `
  id state role joinedAt invitedBy { id name } seenSeq unreadCount mentionCount notify pinned archived user { id name } channel { id name } firstUnseen { id author { id } replyTo { id } }
`;
const channel = `
  id kind name description visibility createdAt closedAt memberCount position trimmedSeq onlineCount viewerCan data
  settings { send attach invite pin history slowModeSeconds }
  peer { id name online } lastMessage { ${message} } viewerMembership { ${membership} }
`;

/** Queries for `$size` items. Those that take `$room` get the room with few members for a small size. */
const lists: [name: string, query: string][] = [
  ['rooms', `query ($size: Int) { rooms(first: $size) { edges { cursor node { at: id ${channel} } } } }`],
  ['rooms from the end', `query ($size: Int) { rooms(last: $size) { nodes { at: id ${channel} } } }`],
  [
    'rooms, each with its messages',
    `query ($size: Int) { rooms(first: $size) { nodes { at: id messages(last: 2) { position nodes { id author { id } } } } } }`,
  ],
  [
    'rooms, each with its pinned messages',
    `query ($size: Int) { rooms(first: $size) { nodes { at: id pinnedMessages { id pinnedAt author { id } } } } }`,
  ],
  [
    'rooms, each with its members',
    `query ($size: Int) { rooms(first: $size) { nodes { at: id members(first: 2) { edges { membership { id role } node { id name } } } } } }`,
  ],
  [
    'rooms, each with its changes',
    `query ($size: Int) { rooms(first: $size) { nodes { at: id changes(after: 0, first: 2) { messages { id author { id } } } } } }`,
  ],
  [
    'rooms, each with its online members',
    `query ($size: Int) { rooms(search: "Room", first: $size) { nodes { at: id online { id name } } } }`,
  ],
  ["the viewer's channels", `query ($size: Int) { me { channels(first: $size) { nodes { at: id ${channel} } } } }`],
  [
    'members',
    `query ($size: Int, $room: ID!) { channel(id: $room) { members(first: $size) { edges { membership { ${membership} } node { at: id ${user} } } } } }`,
  ],
  [
    'messages',
    `query ($size: Int) { channel(id: "$many") { messages(last: $size) { position edges { cursor node { at: id mentions { id name } ${message} } } } } }`,
  ],
  [
    'messages, each with its replies',
    `query ($size: Int) { channel(id: "$many") { messages(last: $size) { nodes { at: id replies(first: 2) { edges { cursor } nodes { id author { id } replyTo { id } } } } } } }`,
  ],
  [
    'messages around one',
    `query ($size: Int) { channel(id: "$many") { messages(around: "$spoken", first: $size) { position edges { cursor node { at: id ${message} } } } } }`,
  ],
  [
    'changes',
    `query ($size: Int) { channel(id: "$many") { changes(after: 0, first: $size) { messages { at: id ${message} } } } }`,
  ],
  [
    'updates',
    `query ($size: Int) { updates(after: "$start", first: $size) { cursor hasMore updates { at: cursor event {
      ... on MessageChanged { message { id seq position text author { id name } channel { id name } } }
      ... on ChannelChanged { channel { id name } }
      ... on MembershipChanged { channelId membership { id role seenSeq } }
    } } } }`,
  ],
  ['online members', `query ($room: ID!) { channel(id: $room) { online { at: id ${user} } } }`],
  [
    'reports',
    `query ($size: Int) { reports(first: $size) { nodes { at: id text reason status createdAt resolvedAt action note
      reporter { id name } user { id name } message { id author { id } } resolvedBy { id } } } }`,
  ],
  ['users', `query ($size: Int) { users(search: "person", first: $size) { nodes { at: id ${user} } } }`],
];

test.each(lists)('%s take as many statements for fifty as for five', async (_name, query) => {
  const few = await measure(query, 5, rooms.few);
  const many = await measure(query, 50, rooms.many);
  expect(few.items).toBe(5);
  expect(many.items).toBeGreaterThanOrEqual(50);
  expect(few.statements).toBeGreaterThan(0);
  expect(many.statements).toBe(few.statements);
});

async function measure(query: string, size: number, room: string) {
  const text = query
    .replace('$many', rooms.many)
    .replace('$start', start)
    .replace('$spoken', spoken[0] ?? '');
  let data: Data;
  const taken = await statements.taken(async () => {
    data = await ada.ask(text, { size, room });
  });
  return { statements: taken, items: JSON.stringify(data).split('"at":').length - 1 };
}

test('pages around five messages take as many statements as one', async () => {
  const around = (messages: number) =>
    statements.taken(() => {
      const pages = spoken
        .slice(0, messages)
        .map((id, n) => `m${n}: messages(around: "${id}", first: 3) { nodes { id } }`);
      return ada.ask(`{ channel(id: "${rooms.many}") { ${pages.join(' ')} } }`);
    });
  expect(await around(1)).toBeGreaterThan(0);
  expect(await around(5)).toBe(await around(1));
});

test('an edit and a reaction take one statement more than a message: the one that checks the access to it', async () => {
  const id = await say(ada, rooms.few, null);
  let n = 0;
  const sends = await statements.taken(() => say(ada, rooms.few, null));
  const edits = await statements.taken(() => ada.ask(editAs, { id, text: `Hello ${n++}` }));
  const reactions = await statements.taken(() => ada.ask(n++ % 2 ? react : unreact, { id }));
  expect({ edits, reactions }).toEqual({ edits: sends + 1, reactions: sends + 1 });
});

const sessionsQuery = '{ sessions { id device createdAt lastUsedAt current revokedAt } }';

test('sessions take as many statements for fifty as for five', async () => {
  const [few, many] = await Promise.all([signedIn('few', 5), signedIn('many', 50)]);
  const listed = (token: string) => ask(url, sessionsQuery, {}, token);
  expect((await listed(few)).data.sessions).toHaveLength(5);
  expect((await listed(many)).data.sessions).toHaveLength(50);
  expect(await statements.taken(() => listed(many))).toBe(await statements.taken(() => listed(few)));
});

/** Returns the token of a user with this many sessions. */
async function signedIn(name: string, times: number): Promise<string> {
  const who = { email: `${name}@example.org`, password: 'correct horse' };
  const register = 'mutation ($input: RegisterInput!) { register(input: $input) { token } }';
  const { data } = await ask(url, register, { input: { ...who, name } });
  const login = 'mutation ($input: LoginInput!) { login(input: $input) { token } }';
  for (let n = 1; n < times; n++) await ask(url, login, { input: who });
  return data.register.token;
}

const blockedQuery = '{ me { blockedUsers { id } } }';

test.each(['unreadCount', 'blockedUsers { id }'])(
  '%s takes as many statements for five aliases as for one',
  async (field) => {
    const counts = (aliases: number) =>
      statements.taken(() =>
        ada.ask(`{ me { ${Array.from({ length: aliases }, (_, n) => `u${n}: ${field}`).join(' ')} } }`),
      );
    expect(await counts(1)).toBeGreaterThan(0);
    expect(await counts(5)).toBe(await counts(1));
  },
);

test('the queries above cover every list of the schema and every field of its items', () => {
  const asked = new Set([...lists.map(([, query]) => query), sessionsQuery, blockedQuery].flatMap(fieldsOf));
  const objects = Object.values(schema.getTypeMap()).filter(isObjectType);
  const fields = objects
    .filter(({ name }) => !name.startsWith('__') && !name.endsWith('Connection'))
    .flatMap((parent) =>
      Object.values(parent.getFields()).map(({ name, type }) => ({ parent: parent.name, name, type })),
    );
  const many = fields.filter(({ type }) => isList(type) && !isFree.has(itemOf(type)));
  const held = new Set(many.map(({ type }) => itemOf(type)));
  const expected = fields.filter((field) => held.has(field.parent) || many.includes(field));

  expect(held).toEqual(
    new Set([
      'User',
      'Channel',
      'Message',
      'MessageVersion',
      'DeviceSession',
      'Attachment',
      'Reaction',
      'Report',
      'Update',
    ]),
  );
  expect(expected.map(({ parent, name }) => `${parent}.${name}`).filter((field) => !asked.has(field))).toEqual([]);
});

/** Types that need no statements of their own: they are part of the object that has them. */
const isFree = new Set(['FormField']);

/** Lists the fields that a document selects, as `Type.field`. */
function fieldsOf(query: string): string[] {
  const info = new TypeInfo(schema);
  const found: string[] = [];
  const enter = () => void found.push(`${info.getParentType()?.name}.${info.getFieldDef()?.name}`);
  visit(parse(query), visitWithTypeInfo(info, { Field: { enter } }));
  return found;
}

/** Whether a field returns many objects. */
function isList(type: GraphQLOutputType): boolean {
  const named = getNamedType(type);
  return isObjectType(named) && (isListType(getNullableType(type)) || named.name.endsWith('Connection'));
}

function itemOf(type: GraphQLOutputType): string {
  const named = getNamedType(type);
  const nodes = isObjectType(named) ? named.getFields()['nodes'] : undefined;
  return nodes && named.name.endsWith('Connection') ? getNamedType(nodes.type).name : named.name;
}
