import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Entry } from '../../api/events.ts';
import type { Domain } from '../../schema/domain.ts';
import { decodeId } from '../../schema/ids.ts';
import { startApp } from '../support/app.ts';
import { ask, type Data, follow, guest, type Person, socket } from '../support/client.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { idOf } from '../support/events.ts';
import { addMember } from '../support/invitations.ts';
import { fetchMetric } from '../support/probes.ts';
import { openStream } from '../support/wire.ts';

let url: string;
let domain: Domain;
let database: TestDatabase;
let ada: Person;
let bob: Person;
let eve: Person;
let channelId: string;

beforeAll(async () => {
  database = await openDatabase();
  const app = await startApp({}, { ports: { database } });
  url = app.url;
  if (app.domain === null) throw new Error('The app has no domain.');
  domain = app.domain;
  [ada, bob, eve] = (await Promise.all(['Ada', 'Bob', 'Eve'].map((name) => guest(url, name)))) as [
    Person,
    Person,
    Person,
  ];
  channelId = await createRoom([bob]);
  return async () => {
    await app.stop();
    await database.stop();
  };
});

const add =
  'mutation ($id: ID!, $emoji: String!) { addReaction(messageId: $id, emoji: $emoji) { id position text reactions { emoji count } } }';
const remove =
  'mutation ($id: ID!, $emoji: String!) { removeReaction(messageId: $id, emoji: $emoji) { reactions { emoji count } } }';
const shown = 'reactions { emoji count users { id } viewerReacted }';
const read = `query ($id: ID!) { node(id: $id) { ... on Message { position ${shown} } } }`;

/** Creates a private room of Ada's with members. */
async function createRoom(members: readonly Person[]): Promise<string> {
  const room = 'mutation { createRoom(input: { name: "Talk", visibility: PRIVATE }) { id } }';
  const { id } = (await ada.ask(room)).createRoom;
  for (const member of members) await addMember(ada, member, id);
  return id;
}

async function say(text: string, who = ada, id = channelId): Promise<string> {
  const send =
    'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id } } }';
  return (await who.ask(send, { id, text })).send.message.id;
}

const reactionsOf = async (who: Person, id: string): Promise<Data> => (await who.ask(read, { id })).node.reactions;
const uuidOf = (id: string) => decodeId(id)?.uuids ?? '';

/** Inserts members with reactions of a kind that the table has, as if they had reacted one after another. */
async function addMembers(names: readonly string[], id = channelId): Promise<void> {
  await database.query(
    `WITH added AS (INSERT INTO users (id, name, created_at) SELECT *, now() FROM unnest($1::uuid[], $2::text[]) RETURNING id)
     INSERT INTO member (channel_id, user_id, role, state, joined_at, joined_seq)
     SELECT $3::uuid, id, 'MEMBER', 'ACTIVE', now(), 1 FROM added`,
    [names.map(idOf), names, uuidOf(id)],
  );
}

/** Has users react through the domain. */
const reactAs = (names: readonly string[], id: string, emoji: string) =>
  Promise.all(names.map((name) => domain.reactions.add(viewerOf(idOf(name)), uuidOf(id), emoji)));

const viewerOf = (userId: string) => ({ userId, sessionId: userId, expiresAt: Number.POSITIVE_INFINITY }) as never;

describe('a reaction', () => {
  it('is added and taken back by members, in one form, and repeated without harm', async () => {
    const id = await say('Tea?');
    const { position, text, reactions } = (await ada.ask(add, { id, emoji: '❤' })).addReaction;
    expect([text, reactions]).toEqual(['Tea?', [{ emoji: '❤️', count: 1 }]]);
    expect((await ada.ask(add, { id, emoji: '❤️' })).addReaction).toMatchObject({ position, reactions });
    await bob.ask(add, { id, emoji: '❤️' });
    await bob.ask(add, { id, emoji: '👍' });
    const users = [{ id: ada.id }, { id: bob.id }];
    expect(await reactionsOf(ada, id)).toEqual([
      { emoji: '❤️', count: 2, users, viewerReacted: true },
      { emoji: '👍', count: 1, users: [{ id: bob.id }], viewerReacted: false },
    ]);
    for (let n = 0; n < 2; n++)
      expect((await bob.ask(remove, { id, emoji: '👍' })).removeReaction.reactions).toEqual([{ emoji: '❤️', count: 2 }]);
  });

  it('does not keep the author from an edit that is under way, and goes with the message', async () => {
    const id = await say('Tea?');
    await bob.ask(add, { id, emoji: '👍' });
    const { position } = (await ada.ask(read, { id })).node;
    await ada.ask('mutation ($id: ID!) { editMessage(messageId: $id, text: "Coffee?") { id } }', { id });
    expect(await reactionsOf(ada, id)).toMatchObject([{ emoji: '👍', count: 1 }]);
    await ada.ask('mutation ($id: ID!) { deleteMessage(messageId: $id) { id } }', { id });
    expect(await reactionsOf(ada, id)).toEqual([]);
    expect(await bob.codeOf(add, { id, emoji: '👍' })).toBe('CONFLICT');
    expect((await bob.ask(remove, { id, emoji: '👍' })).removeReaction.reactions).toEqual([]);
    expect(position).toBeGreaterThan(0);
  });

  it.each([add, remove])('is refused to strangers and without a token, and must be one emoji: %s', async (query) => {
    const id = await say('Tea?');
    expect(await eve.codeOf(query, { id, emoji: '👍' })).toBe('NOT_FOUND');
    expect((await ask(url, query, { id, emoji: '👍' })).errors[0]?.extensions['code']).toBe('UNAUTHENTICATED');
    const { errors } = await ask(url, query, { id, emoji: 'great' }, ada.token);
    expect(errors[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      fields: [{ path: 'emoji', message: 'must be one emoji' }],
    });
    const first = await ask(
      url,
      `query ($id: ID!) { node(id: $id) { ... on Message { reactions { users(first: 21) { id } } } } }`,
      { id },
      ada.token,
    );
    expect(first.errors).toEqual([]);
    await ada.ask(add, { id, emoji: '👍' });
    expect(
      await ada.codeOf(
        `query ($id: ID!) { node(id: $id) { ... on Message { reactions { users(first: 21) { id } } } } }`,
        { id },
      ),
    ).toBe('BAD_USER_INPUT');
  });

  it('to a message of a blocked user is refused, and blocked users are left out of its users', async () => {
    const id = await createRoom([bob, eve]);
    const message = await say('Tea?', ada, id);
    for (const who of [bob, eve, ada]) await who.ask(add, { id: message, emoji: '👍' });
    await eve.ask('mutation ($id: ID!) { block(userId: $id) { id } }', { id: bob.id });
    expect(await reactionsOf(eve, message)).toMatchObject([{ count: 3, users: [{ id: eve.id }, { id: ada.id }] }]);
    expect(await reactionsOf(ada, message)).toMatchObject([
      { count: 3, users: [bob, eve, ada].map((who) => ({ id: who.id })) },
    ]);
    expect(await eve.codeOf(add, { id: await say('Coffee?', bob, id), emoji: '👍' })).toBe('NOT_FOUND');
    const client = socket(url, eve.token);
    const query = `subscription ($id: ID!) { messages(channelId: $id, after: 0) { id ${shown} } }`;
    const { received } = follow(client, query, { id });
    await vi.waitFor(() =>
      expect(received.find((one) => one.id === message)?.reactions).toMatchObject([
        { users: [{ id: eve.id }, { id: ada.id }] },
      ]),
    );
    await client.dispose();
  });
});

describe('reactions of more users than a message names', () => {
  const names = Array.from({ length: 30 }, (_, n) => `crowd ${n}`);
  let id: string;
  beforeAll(async () => {
    await addMembers(names);
    id = await say('Tea?');
    await reactAs(names, id, '👍');
    await ada.ask(add, { id, emoji: '👍' });
    await bob.ask(add, { id, emoji: '🎉' });
  });

  it('tell each viewer whether they reacted, in one execution that all share, live, resumed and in history', async () => {
    const { position } = (await ada.ask(read, { id })).node;
    const selection = `id position ... on Message { mine: reactions { yes: viewerReacted emoji } ${shown} }`;
    const messages = `subscription ($id: ID!, $after: Int) { messages(channelId: $id, after: $after) { ${selection} } }`;
    const updates = `subscription { updates { cursor event { ... on MessageChanged { message { ${selection} } } } } }`;
    const clients = [ada, bob].map(({ token }) => socket(url, token));
    const resumed = clients.map((client) => follow(client, messages, { id: channelId, after: position - 1 }));
    const live = clients.map((client) => follow(client, updates));
    const streams = await Promise.all(
      [ada, bob].map(({ token }) =>
        openStream(url, messages, { token, variables: { id: channelId, after: position - 1 } }),
      ),
    );
    await vi.waitFor(() => {
      for (const { received } of resumed) expect(received).toHaveLength(1);
      for (const { received } of live) expect(received.length).toBeGreaterThan(0);
    });
    const executions = await fetchMetric(url, 'executions_total');
    await reactAs([names[0] ?? ''], id, '🎉');
    await vi.waitFor(() => {
      for (const { received } of resumed) expect(received).toHaveLength(2);
      for (const { received } of live) expect(received.at(-1)?.event.message?.reactions).toHaveLength(2);
    });
    // One for each selection.
    expect((await fetchMetric(url, 'executions_total')) - executions).toBe(2);
    for (const [n, who] of [ada, bob].entries()) {
      const history = (await who.ask(`query ($id: ID!) { node(id: $id) { ... on Message { ${selection} } } }`, { id }))
        .node;
      expect(history.mine).toEqual([
        { yes: who === ada, emoji: '👍' },
        { yes: who === bob, emoji: '🎉' },
      ]);
      expect(history.reactions).toMatchObject([
        { count: 31, viewerReacted: who === ada },
        { count: 2, viewerReacted: who === bob },
      ]);
      expect(resumed[n]?.received[1]).toEqual(history);
      expect(live[n]?.received.at(-1)?.event.message).toEqual(history);
      const before = (await streams[n]?.next())?.data?.data?.['messages'] as Data;
      expect(resumed[n]?.received[0]).toEqual(before);
      const after = (await streams[n]?.next())?.data?.data?.['messages'];
      expect(after).toEqual(history);
    }
    for (const stream of streams) stream.abort();
    await Promise.all(clients.map((client) => client.dispose()));
  });
});

it('a thousand members who react to one message change it a few times, and each follower gets each change once', async () => {
  const room = await createRoom([]);
  const names = Array.from({ length: 1_000 }, (_, n) => `storm ${n}`);
  await addMembers(names, room);
  const id = await say('Tea?', ada, room);
  const streams = await Promise.all(
    names.map((name) => domain.messages.follow(viewerOf(idOf(name)), uuidOf(room), null)),
  );
  const received: Entry[][] = names.map(() => []);
  for (const [n, stream] of streams.entries()) {
    void (async () => {
      for await (const entry of stream) received[n]?.push(entry);
    })();
  }
  await reactAs(names, id, '👍');
  await vi.waitFor(() => {
    for (const entries of received) expect(entries.at(-1)?.reactions[0]?.count).toBe(1_000);
  });
  const [first = []] = received;
  expect(received.every((entries) => entries.length === first.length)).toBe(true);
  const deliveries = received.reduce((sum, entries) => sum + entries.length, 0);
  console.log(`1,000 reactions: ${first.length} positions, ${deliveries} deliveries to 1,000 followers`);
  expect(first.length).toBeLessThan(100);
  const [count] = await database.query<{ n: number }>('SELECT count(*)::int AS n FROM reaction WHERE message_id = $1', [
    uuidOf(id),
  ]);
  expect(count).toEqual({ n: 1_000 });
  await Promise.all(streams.map((stream) => stream.return()));
});
