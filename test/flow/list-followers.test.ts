import { beforeAll, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { type Followed, follow, guest, type Person, socket } from '../support/client.ts';
import { countStatements } from '../support/counting.ts';

const statements = countStatements();
let url: string;
let ada: Person;
let bob: Person;

beforeAll(async () => {
  const app = await startApp();
  ({ url } = app);
  [ada, bob] = [await guest(url, 'Ada'), await guest(url, 'Bob')];
  return app.stop;
});

const createRoom = 'mutation ($name: String!) { createRoom(input: { name: $name }) { id } }';
const joinRoom = 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }';
const send = 'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id } } }';
const block = 'mutation ($id: ID!) { block(userId: $id) { id } }';
/** The fields that the web client shows in its list, and others that need statements. */
const list = `subscription { channels {
  id name memberCount onlineCount peer { id name online } online { id } members(first: 2) { nodes { name } }
  lastMessage { id text author { id name } }
  messages(last: 2) { nodes { text author { name } } }
  viewerMembership { id role seenSeq unreadCount firstUnseen { text } user { name } }
} }`;

/** Opens a room of Ada's and Bob's, whose other members follow their lists. */
async function open(size: number) {
  const { id } = (await ada.ask(createRoom, { name: `Room of ${size}` })).createRoom;
  await bob.ask(joinRoom, { id });
  const people = await Promise.all(Array.from({ length: size }, (_, n) => guest(url, `Person ${n}`)));
  await Promise.all(people.map((one) => one.ask(joinRoom, { id })));
  const [first] = people as [Person];
  await first.ask(block, { id: bob.id });
  const followed = people.map(({ token }) => follow(socket(url, token), list));
  // A follower is live once it gets the present state.
  await vi.waitFor(() => {
    for (const { received } of followed) expect(received.length).toBeGreaterThan(0);
  });
  await ada.ask(send, { id, text: 'Ready?' });
  await untilShown(followed, 'Ready?');
  return { id, first, followed };
}

/** Waits until every follower has a channel's update with a last message. */
async function untilShown(followed: readonly Followed[], text: string): Promise<void> {
  const shows = ({ received }: Followed) => received.at(-1)?.lastMessage.text === text;
  await vi.waitFor(() => expect(followed.every(shows)).toBe(true), { interval: 20 });
}

test('a change costs as many statements for fifty followers as for five', async () => {
  const counts: number[] = [];
  for (const size of [5, 50]) {
    const { id, followed } = await open(size);
    let round = 0;
    const taken = await statements.taken(async () => {
      const text = `Round ${round++}`;
      await ada.ask(send, { id, text });
      await untilShown(followed, text);
    });
    counts.push(taken);
  }
  expect(counts[0]).toBeGreaterThan(0);
  expect(counts[1]).toBe(counts[0]);
});

test('followers who come at the same time share the statements of their present states', async () => {
  const rooms = await Promise.all(
    ['Hall', 'Attic', 'Porch'].map(async (name) => (await ada.ask(createRoom, { name })).createRoom.id),
  );
  const people = await Promise.all(Array.from({ length: 50 }, (_, n) => guest(url, `Comer ${n}`)));
  await Promise.all(people.flatMap((one) => rooms.map((id) => one.ask(joinRoom, { id }))));
  const clients = people.map(({ token }) => socket(url, token));
  // Signs every socket in, which is not counted.
  const shown = clients.map((client) => follow(client, 'subscription { match { id } }'));
  await vi.waitFor(() => expect(shown.every(({ received }) => received.length === 1)).toBe(true));

  const followed: Followed[] = [];
  const taken = await statements.taken(async () => {
    const comers = clients.map((client) => follow(client, list));
    await vi.waitFor(
      () => {
        const ids = comers.map(({ received }) => new Set(received.map(({ id }) => id)).size);
        expect(ids).toEqual(clients.map(() => rooms.length));
      },
      { interval: 20 },
    );
    for (const { stop } of followed.splice(0)) stop();
    followed.push(...comers);
  });
  // Alone each of them would need some for each room.
  expect(taken).toBeLessThan(clients.length);
  await Promise.all(clients.map((client) => client.dispose()));
});

test('followers of one round each see their own state', async () => {
  const { id, first, followed } = await open(3);
  const [own, ...others] = followed as [Followed, ...Followed[]];
  await ada.ask(send, { id, text: 'From Ada' });
  await untilShown(followed, 'From Ada');
  const unreadOf = ({ received }: Followed) => received.at(-1).viewerMembership.unreadCount;
  const before = others.map(unreadOf);
  await bob.ask(send, { id, text: 'From Bob' });
  await untilShown(others, 'From Bob');

  await first.ask('mutation ($id: ID!) { markSeen(channelId: $id, seq: 1000) { unreadCount } }', { id });
  await vi.waitFor(() => expect(own.received.at(-1).viewerMembership.unreadCount).toBe(0));
  expect(own.received.at(-1).lastMessage.text).toBe('From Ada');
  expect(own.received.at(-1).messages.nodes.at(-1).text).toBe('From Ada');
  expect(others.map(unreadOf)).toEqual(before.map((count) => count + 1));
  for (const { received } of others) {
    expect(received.at(-1).viewerMembership.user.name).not.toBe(own.received.at(-1).viewerMembership.user.name);
  }
});
