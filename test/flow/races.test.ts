import { beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeEvent } from '../../api/event-records.ts';
import type { EventLog, LogRecord } from '../../api/infra/event-log/event-log.ts';
import { createMemoryEventLog } from '../../api/infra/event-log/memory.ts';
import { decodeId } from '../../schema/ids.ts';
import { startApp } from '../support/app.ts';
import { ask, type Data, type Followed, followMessages, guest, type Person, socket } from '../support/client.ts';
import { base } from '../support/events.ts';
import { createTestLogger } from '../support/logger.ts';

let url: string;
let barrier: ReturnType<typeof createBarrier>;
let ada: Person;
let bob: Person;
let eve: Person;

beforeAll(async () => {
  barrier = createBarrier(createMemoryEventLog({ logger: createTestLogger() }));
  const app = await startApp({}, { ports: { log: barrier.log } });
  ({ url } = app);
  const people = await Promise.all(['Ada', 'Bob', 'Eve'].map((name) => guest(url, name)));
  [ada, bob, eve] = people as [Person, Person, Person];
  return app.stop;
});

/** Creates a barrier before a log: it holds two appends, and lets them through in the order that the test chooses. */
function createBarrier(log: EventLog) {
  let held: (() => void)[] | null = null;
  const append = async (record: LogRecord): Promise<void> => {
    if (held) await new Promise<void>((resolve) => held?.push(resolve));
    return log.append(record);
  };
  const isHeld = (count: number) => vi.waitFor(() => expect(held).toHaveLength(count), { interval: 5 });
  return {
    log: { ...log, append },
    /** Appends a record of a background job. */
    append,
    /** Has two acts pass their checks before either is in the log. Returns their results. */
    async race<First, Second>(first: () => Promise<First>, second: () => Promise<Second>, isReversed: boolean) {
      held = [];
      const acts = [first()] as [Promise<First>, ...Promise<Second>[]];
      await isHeld(1);
      acts.push(second());
      await isHeld(2);
      const released = isReversed ? held.toReversed() : held;
      held = null;
      for (const release of released) release();
      return Promise.all(acts) as Promise<[First, Second]>;
    },
  };
}

const operations = {
  send: 'mutation ($id: ID!) { send(input: { channelId: $id, text: "Hello" }) { message { id } } }',
  kick: 'mutation ($id: ID!, $userId: ID!) { kick(channelId: $id, userId: $userId) { id } }',
  ban: 'mutation ($id: ID!, $userId: ID!) { ban(channelId: $id, userId: $userId) { id } }',
  mute: 'mutation ($id: ID!, $userId: ID!) { mute(channelId: $id, userId: $userId, until: "2030-01-01T00:00:00Z") { id } }',
  invite: 'mutation ($id: ID!, $userId: ID!) { invite(channelId: $id, userId: $userId) { id } }',
  join: 'mutation ($id: ID!) { joinRoom(channelId: $id) { id } }',
  close: 'mutation ($id: ID!) { closeRoom(channelId: $id) { id } }',
  leave: 'mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }',
  edit: 'mutation ($messageId: ID!) { editMessage(messageId: $messageId, text: "Edited") { id } }',
  delete: 'mutation ($messageId: ID!) { deleteMessage(messageId: $messageId) { id } }',
  react: 'mutation ($messageId: ID!) { addReaction(messageId: $messageId, emoji: "👍") { id } }',
} as const;
const history = `query ($id: ID!) { channel(id: $id) { closedAt viewerMembership { role }
  messages(first: 100) { nodes { id position kind text deletedAt } } } }`;

/** Returns the code of the refusal, or null. */
const act = (who: Person, operation: keyof typeof operations, variables: object) =>
  who.codeOf(operations[operation], variables);

/** Opens Ada's room with Bob, and one message of his. */
async function openRoom(): Promise<{ id: string; messageId: string }> {
  const { id } = (await ada.ask('mutation { createRoom(input: { name: "Room" }) { id } }')).createRoom;
  await bob.ask(operations.join, { id });
  return { id, messageId: (await bob.ask(operations.send, { id })).send.message.id };
}

const read = async (who: Person, id: string): Promise<Data> =>
  (await ask(url, history, { id }, who.token)).data.channel;

/** Follows a room from its beginning, and waits until everything so far has come. */
async function followFrom(who: Person, id: string): Promise<Followed & { end(): void }> {
  const client = socket(url, who.token);
  const followed = followMessages(client, id, 0);
  await vi.waitFor(() => expect(followed.received).toHaveLength(3));
  return Object.assign(followed, { end: () => void client.dispose() });
}

/** Expects that live events have led to the history. */
async function expectAgreement(followed: Followed, id: string): Promise<void> {
  const { messages } = await read(ada, id);
  await vi.waitFor(() => {
    const newest = new Map<string, Data>(followed.received.map((one) => [one.id, one]));
    const positions = followed.received.map(({ position }) => position);
    expect(positions).toEqual(positions.toSorted((one, other) => one - other));
    const held = messages.nodes.map((one: Data) => [one.id, one.position, one.text, one.deletedAt]);
    const shown = messages.nodes.map(({ id: key }: Data) => newest.get(key)).filter(Boolean);
    expect(shown.map((one: Data) => [one.id, one.position, one.text, one.deletedAt])).toEqual(held);
  });
}

type Outcome = readonly [first: string | null, second: string | null];
type Act = (room: { id: string; messageId: string }) => Promise<string | null>;

const byAda =
  (operation: keyof typeof operations, whom: () => Person): Act =>
  ({ id }) =>
    act(ada, operation, { id, userId: whom().id });
const by =
  (who: () => Person, operation: keyof typeof operations): Act =>
  (room) =>
    act(who(), operation, room);

/** Two acts that exclude each other, and their results in either order of the log: as given, and reversed. */
const races: readonly [name: string, first: Act, second: Act, inOrder: Outcome, reversed: Outcome][] = [
  ['kick and send', byAda('kick', () => bob), by(() => bob, 'send'), [null, 'FORBIDDEN'], [null, null]],
  ['kick and reaction', byAda('kick', () => bob), by(() => bob, 'react'), [null, 'NOT_FOUND'], [null, null]],
  ['kick and leave', byAda('kick', () => bob), by(() => bob, 'leave'), [null, null], ['NOT_FOUND', null]],
  ['ban and join', byAda('ban', () => eve), by(() => eve, 'join'), [null, 'FORBIDDEN'], [null, null]],
  ['ban and invitation', byAda('ban', () => eve), byAda('invite', () => eve), [null, 'CONFLICT'], [null, null]],
  ['close and send', by(() => ada, 'close'), by(() => bob, 'send'), [null, 'CONFLICT'], [null, null]],
  ['close and join', by(() => ada, 'close'), by(() => eve, 'join'), [null, 'CONFLICT'], [null, null]],
  ['mute and send', byAda('mute', () => bob), by(() => bob, 'send'), [null, 'FORBIDDEN'], [null, null]],
  ['delete and edit', by(() => bob, 'delete'), by(() => bob, 'edit'), [null, 'CONFLICT'], [null, null]],
];

describe.each(races)(
  'a race of %s, both allowed when they are asked for',
  (_name, first, second, inOrder, reversed) => {
    it.each([
      ['in this order', false],
      ['in the other order', true],
    ])('have the outcome of their order in the log, live and in the history: %s', async (_order, isReversed) => {
      const room = await openRoom();
      const followed = await followFrom(ada, room.id);
      const outcome = await barrier.race(
        () => first(room),
        () => second(room),
        isReversed,
      );
      expect(outcome).toEqual(isReversed ? reversed : inOrder);
      await expectAgreement(followed, room.id);
      followed.end();
    });
  },
);

describe('a trim and an edit of a message that it removes', () => {
  const trim = ({ id }: { id: string }) =>
    barrier.append(
      encodeEvent({ ...base('owner'), channelId: decodeId(id)?.uuids ?? '', type: 'HistoryTrimmed', throughSeq: 3 }),
    );

  it.each([
    ['the edit is refused after the trim', false, 'NOT_FOUND'],
    ['the trim removes the edited message', true, null],
  ])('agree live, in the history and for members who resume: %s', async (_name, isReversed, expected) => {
    const room = await openRoom();
    const followed = await followFrom(ada, room.id);
    const [, code] = await barrier.race(
      () => trim(room),
      () => act(bob, 'edit', room),
      isReversed,
    );
    expect(code).toBe(expected);
    await vi.waitFor(async () => expect((await read(ada, room.id)).messages.nodes).toEqual([]));
    await bob.ask(operations.send, room);
    await vi.waitFor(() => expect(followed.received.at(-1)?.text).toBe('Hello'));
    await expectAgreement(followed, room.id);
    followed.end();
    const client = socket(url, bob.token);
    const late = followMessages(client, room.id, 1);
    await vi.waitFor(() => expect(late.ended?.errors[0]?.extensions?.['code']).toBe('RESYNC_REQUIRED'));
    void client.dispose();
  });
});

describe('a block and a match of the same two', () => {
  it('leave both in the same state, and never match them again', async () => {
    const state = '{ match { status partner { id } } }';
    const block = 'mutation ($id: ID!) { block(userId: $id) { id } }';
    const match = 'mutation { match(input: { tags: ["races"], strict: true }) { status } }';
    for (let n = 0; n < 5; n++) {
      const [one, other] = [await guest(url), await guest(url)];
      await one.ask(match);
      await Promise.all([other.ask(match), one.ask(block, { id: other.id })]);
      const matches = await Promise.all([one, other].map((who) => who.ask(state)));
      const [ones, others] = matches.map((found) => found.match);
      expect(ones?.status).toBe(others?.status);
      if (ones?.status === 'MATCHED') expect([ones.partner.id, others.partner.id]).toEqual([other.id, one.id]);
      for (const who of [one, other]) await who.ask('mutation { unmatch { id } }');
      for (const who of [one, other]) expect((await who.ask(match)).match.status).toBe('WAITING');
      for (const who of [one, other]) await who.ask('mutation { unmatch { id } }');
    }
  });
});
