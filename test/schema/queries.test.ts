import { PGlite } from '@electric-sql/pglite';
import { beforeAll, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { guest, type Person } from '../support/client.ts';

let ada: Person;
let room: string;
const statements: string[] = [];

beforeAll(async () => {
  const { query } = PGlite.prototype;
  vi.spyOn(PGlite.prototype, 'query').mockImplementation(function (this: PGlite, sql, ...rest) {
    statements.push(sql);
    return query.call(this, sql, ...rest) as never;
  });
  const app = await startApp();
  const people = await Promise.all(Array.from({ length: 55 }, (_, n) => guest(app.url, `Person ${n}`)));
  ada = people[0] as Person;
  room = await openRoom('Everybody');
  await Promise.all(people.slice(1).map((one) => one.ask(joinRoom, { id: room })));
  const first = await say(ada, 'the first', null);
  await Promise.all(people.map((one, n) => say(one, `message ${n}`, first)));
  for (const one of people.slice(1, 53)) await ada.ask(openDirect, { id: one.id });
  for (let n = 0; n < 52; n++) await openRoom(`Room ${n}`);
  return app.stop;
}, 120_000);

const joinRoom = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const openDirect = 'mutation ($id: ID!) { openDirect(userId: $id) { id } }';

async function openRoom(name: string): Promise<string> {
  const { createRoom } = await ada.ask('mutation ($name: String!) { createRoom(input: { name: $name }) { id } }', {
    name,
  });
  return createRoom.id;
}

async function say(who: Person, text: string, replyToId: string | null): Promise<string> {
  const { send } = await who.ask('mutation ($input: SendInput!) { send(input: $input) { message { id } } }', {
    input: { channelId: room, text, replyToId },
  });
  return send.message.id;
}

/** How many statements an operation sends to the database, and how many nodes it answers with. */
async function count(query: string, size: number): Promise<{ statements: number; nodes: number }> {
  statements.length = 0;
  const answer = await ada.ask(query, { size, room });
  const nodes = JSON.stringify(answer).split('"node"').length - 1 + JSON.stringify(answer).split('"marker"').length - 1;
  return { statements: statements.length, nodes };
}

const user = '{ marker: id name avatarUrl isGuest online lastSeenAt }';
const message = `{ marker: id seq text author ${user} replyTo { id text author { id name } channel { id name } } channel { id name } }`;
const channel = `{
  marker: id name kind memberCount onlineCount closedAt
  peer ${user}
  lastMessage ${message}
  viewerMembership { id role seenSeq unreadCount firstUnseen { id author { id } } user { id name } channel { id } }
}`;

test.each([
  ['rooms', `query ($size: Int) { rooms(first: $size) { edges { cursor node ${channel} } } }`],
  [
    'rooms, each with its newest messages',
    `query ($size: Int) { rooms(first: $size) { nodes { marker: id messages(last: 3) { nodes { id } } } } }`,
  ],
  [
    'rooms, each with its first members',
    `query ($size: Int) { rooms(first: $size) { nodes { marker: id members(first: 3) { nodes { id } } } } }`,
  ],
  ['own channels', `query ($size: Int) { me { channels(first: $size) { nodes ${channel} } } }`],
  [
    'members',
    `query ($size: Int, $room: ID!) { channel(id: $room) { members(first: $size) { edges { membership { id role unreadCount } node ${user} } } } }`,
  ],
  [
    'messages',
    `query ($size: Int, $room: ID!) { channel(id: $room) { messages(last: $size) { position nodes ${message} } } }`,
  ],
  [
    'changes',
    `query ($size: Int, $room: ID!) { channel(id: $room) { changes(after: 0, first: $size) { messages ${message} } } }`,
  ],
  ['users', `query ($size: Int) { users(search: "person", first: $size) { nodes ${user} } }`],
])('%s take as many statements for fifty as for five', async (_what, query) => {
  await count(query, 5);
  const few = await count(query, 5);
  const many = await count(query, 50);
  expect(few.nodes).toBeGreaterThanOrEqual(5);
  expect(many.nodes).toBeGreaterThanOrEqual(50);
  // What the server looks up for itself, now and then, may fall in between; one statement an item would be 45 more.
  expect(many.statements - few.statements).toBeLessThan(5);
});
