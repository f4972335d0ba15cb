import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { maxCounted } from '../../api/bridge/reply-counts.ts';
import type { NewEvent } from '../../api/events.ts';
import { expectOrdered, newestOf, readMessages, startRoom } from '../support/bridge-room.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';
import { base, idOf, room } from '../support/events.ts';

let database: TestDatabase;

const message = (name: string) => idOf(`message ${name}`);
const sent = (name: string, replyTo?: string): NewEvent => ({
  ...base('owner'),
  type: 'MessageSent',
  messageId: message(name),
  clientId: name,
  text: name,
  replyToId: replyTo === undefined ? null : message(replyTo),
  attachments: [],
});
const edited = (name: string, text: string, revision = 0, ifPosition: number | null = null): NewEvent => ({
  ...base('owner'),
  type: 'MessageEdited',
  messageId: message(name),
  text,
  revision,
  ifPosition,
});
const deleted = (name: string): NewEvent => ({ ...base('owner'), type: 'MessageDeleted', messageId: message(name) });
const trimmed = (throughSeq: number): NewEvent => ({ ...base('owner'), type: 'HistoryTrimmed', throughSeq });
const numbers = (count: number) => Array.from({ length: count }, (_, n) => `${n}`);

/** Messages by name, in the order of the log. */
type Model = Map<string, { replyTo: string | undefined; isDeleted: boolean }>;

function countIn(model: Model, name: string): number {
  return [...model.values()].filter(({ replyTo, isDeleted }) => replyTo === name && !isDeleted).length;
}

/** Few names, so that sends are retried, and messages have several replies. */
const name = fc.nat({ max: 9 }).map(String);
const first = ['a', 'b', 'c'];
const replied = fc.option(fc.constantFrom(...first), { nil: undefined });
const makers = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(name, replied).map((given) => () => send(...given)) },
  { weight: 2, arbitrary: fc.oneof(name, fc.constantFrom(...first)).map((which) => () => remove(which)) },
  { weight: 1, arbitrary: name.map((which) => () => ({ event: edited(which, 'new'), note: () => undefined })) },
);

function send(which: string, replyTo: string | undefined) {
  const note = (model: Model) => {
    if (!model.has(which)) model.set(which, { replyTo, isDeleted: false });
  };
  return { event: sent(which, replyTo), note };
}

function remove(which: string) {
  const note = (model: Model) => {
    const found = model.get(which);
    if (found) found.isDeleted = true;
  };
  return { event: deleted(which), note };
}

describe.each(databaseKinds)('numbers of replies over %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(() => database.empty());

  const countOf = async (which: string) =>
    (await readMessages(database)).find(({ id }) => id === message(which))?.replyCount;

  test('are exact in any batches, with repetitions, and published as they are stored', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(makers, { minLength: 1, maxLength: 25 }), { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat()),
        async (batches, repeated) => {
          await database.empty();
          const { apply, published } = await startRoom(database, 0);
          await apply(first.map((one) => sent(one)));
          const model: Model = new Map(first.map((one) => [one, { replyTo: undefined, isDeleted: false }]));
          const all: NewEvent[] = [];
          for (const [n, makes] of batches.entries()) {
            const steps = makes.map((make) => make());
            for (const { note } of steps) note(model);
            const events = steps.map(({ event }) => event);
            all.push(...events);
            const again = all[(repeated[n] ?? 0) % all.length];
            await apply(again ? [...events, again] : events);
          }
          const stored = await readMessages(database);
          const counts = new Map(stored.map(({ id, replyCount }) => [id, replyCount]));
          expect(counts).toEqual(new Map([...model.keys()].map((one) => [message(one), countIn(model, one)])));
          expectOrdered(published);
          expect(newestOf(published)).toEqual(stored);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('count no reply to a message that comes later, in one batch as in two', async () => {
    const { apply } = await startRoom(database, 0);
    await apply([sent('early', 'late'), sent('late'), sent('answer', 'late')]);
    await apply([sent('second early', 'second late')]);
    await apply([sent('second late')]);
    const stored = (await readMessages(database)).map(({ text, replyCount }) => [text, replyCount] as const);
    const expected = [
      ['late', 1],
      ['answer', 0],
      ['second late', 0],
    ] as const;
    expect(new Map(stored)).toEqual(new Map(expected));
  });

  test('change a message once for each batch, after the replies', async () => {
    const { apply, published } = await startRoom(database, 0);
    await apply([sent('a'), sent('b')]);
    const before = published.length;
    await apply([sent('c', 'a'), sent('d', 'b'), sent('e', 'a'), sent('f')]);
    const shown = published.slice(before).map(({ text, replyCount }) => `${text}${replyCount}`);
    expect(shown).toEqual(['c0', 'd0', 'e0', 'f0', 'a2', 'b1']);
    const rows = await database.query<{ at: string }>('SELECT log_offset AS at FROM entry ORDER BY position');
    const offsets = rows.map(({ at }) => Number(at));
    expect(offsets).toEqual([...offsets].sort((one, other) => one - other));
  });

  test('do not change a message whose reply is deleted at once', async () => {
    const { apply, published } = await startRoom(database, 0);
    await apply([sent('a')]);
    const before = published.length;
    await apply([sent('b', 'a'), deleted('b')]);
    expect(published.slice(before).map(({ id }) => id)).toEqual([message('b'), message('b')]);
    await apply([deleted('b')]);
    expect(await countOf('a')).toBe(0);
  });

  test('do not keep the author from an edit that is under way', async () => {
    const { apply } = await startRoom(database, 0);
    await apply([sent('a')]);
    const outcomes = await apply([sent('b', 'a'), edited('a', 'new'), sent('c', 'a'), edited('a', 'newer', 1)]);
    const { position = 0 } = (await readMessages(database)).find(({ id }) => id === message('a')) ?? {};
    await apply([sent('d', 'a')]);
    outcomes.push(...(await apply([edited('a', 'newest', 2, position)])));
    expect(outcomes.map((outcome) => outcome?.applied)).toEqual([true, true, true, true, true]);
    expect(await countOf('a')).toBe(3);
  });

  test('stay with a deleted message, and count new replies to it', async () => {
    const { apply } = await startRoom(database, 0);
    await apply([sent('a'), sent('b', 'a')]);
    await apply([deleted('a'), sent('c', 'a')]);
    expect(await countOf('a')).toBe(2);
  });

  test('leave out replies of erased users', async () => {
    const { apply } = await startRoom(database, 1);
    await apply([sent('a'), sent('b', 'a'), { ...sent('c', 'a'), actorId: idOf('0') }]);
    const userId = idOf('0');
    await apply([{ ...base('owner'), actorId: userId, type: 'UserErased', userId, messageIds: [message('c')] }]);
    expect(await countOf('a')).toBe(1);
  });

  test('are not disturbed by trimmed messages', async () => {
    const { apply, published } = await startRoom(database, 0);
    await apply([sent('a'), sent('b', 'a'), sent('c', 'b')]);
    const before = published.length;
    await apply([trimmed(2), sent('d', 'b'), deleted('b')]);
    expect(await countOf('b')).toBe(2);
    await apply([sent('e', 'b'), trimmed(3)]);
    await apply([deleted('e'), sent('f', 'a')]);
    const shown = published.slice(before).map(({ id, replyCount }) => [id, replyCount]);
    expect(shown).toEqual([
      [message('d'), 0],
      [message('b'), 1],
      [message('b'), 2],
      [message('e'), 0],
      [message('e'), 0],
    ]);
  });

  test('above those that are counted again follow each reply and deletion', async () => {
    const { apply } = await startRoom(database, 0);
    await apply([sent('a'), ...numbers(maxCounted - 1).map((one) => sent(one, 'a'))]);
    expect(await countOf('a')).toBe(maxCounted - 1);
    await apply([sent('x', 'a'), sent('y', 'a'), sent('z', 'a')]);
    expect(await countOf('a')).toBe(maxCounted + 2);
    await apply([deleted('0'), deleted('1'), deleted('2'), deleted('3')]);
    expect(await countOf('a')).toBe(maxCounted - 2);
  });

  test('take in replies that a bridge of the release before has not counted', async () => {
    const { apply } = await startRoom(database, 0);
    await apply([sent('a'), sent('b', 'a')]);
    await database.query('UPDATE entry SET reply_count = 0 WHERE channel_id = $1', [room]);
    await apply([sent('c', 'a')]);
    expect(await countOf('a')).toBe(2);
  });
});
