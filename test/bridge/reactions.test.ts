import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deleteEntriesOf } from '../../api/domain/cleanup/match-statements.ts';
import { maxReactionKinds } from '../../api/domain/policies.ts';
import { type NewEvent, type Outcome, type ReactionEvent, summaryUsers } from '../../api/events.ts';
import { expectOrdered, newestOf, readMessages, startRoom } from '../support/bridge-room.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';
import { base, idOf, room } from '../support/events.ts';

let database: TestDatabase;

const by = (who: string) => ({ ...base('owner'), actorId: idOf(who) });
const message = (name: string) => idOf(`message ${name}`);
const sent = (name: string): NewEvent => ({
  ...base('owner'),
  type: 'MessageSent',
  messageId: message(name),
  clientId: name,
  text: name,
  replyToId: null,
  attachments: [],
});
const deleted = (name: string): NewEvent => ({
  ...base('owner'),
  type: 'MessageDeleted',
  messageId: message(name),
});
const closed = (): NewEvent => ({ ...base('owner'), type: 'ChannelClosed' });

function reacted(
  who: string,
  name: string,
  emoji: string,
  type: ReactionEvent['type'] = 'ReactionAdded',
): ReactionEvent {
  return { ...by(who), type, messageId: message(name), emoji };
}

const codeOf = (outcome: Outcome | undefined) => (outcome?.applied === false ? outcome.rejection.code : null);
/** Reactions in their order by message: the users of each emoji. */
type Model = Map<string, Map<string, string[]>>;

function applyToModel(model: Model, event: NewEvent): void {
  if (event.type === 'MessageDeleted') model.delete(event.messageId);
  const kinds = 'messageId' in event ? model.get(event.messageId) : undefined;
  if (kinds === undefined || (event.type !== 'ReactionAdded' && event.type !== 'ReactionRemoved')) return;
  const users = kinds.get(event.emoji) ?? [];
  const others = users.filter((userId) => userId !== event.actorId);
  if (event.type === 'ReactionRemoved') kinds.set(event.emoji, others);
  else if (others.length === users.length) kinds.set(event.emoji, [...users, event.actorId]);
  if (kinds.get(event.emoji)?.length === 0) kinds.delete(event.emoji);
}

const emoji = fc.constantFrom('\u{1f44d}', '\u2764\ufe0f', '\u{1f389}');
const name = fc.constantFrom('a', 'b');
/** Many users, so that some summaries do not name all. */
const user = fc.nat({ max: summaryUsers + 9 }).map(String);
const makers = fc.oneof(
  { weight: 40, arbitrary: fc.tuple(user, name, emoji).map((given) => () => reacted(...given)) },
  { weight: 15, arbitrary: fc.tuple(user, name, emoji).map((given) => () => reacted(...given, 'ReactionRemoved')) },
  { weight: 5, arbitrary: fc.nat().map((n) => () => sent(`other ${n}`)) },
  { weight: 1, arbitrary: name.map((which) => () => deleted(which)) },
);

describe.each(databaseKinds)('reactions over %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(() => database.empty());

  test('are summarised exactly, in any batches, with repetitions, and gone with their message', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(makers, { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat()),
        async (batches, repeated) => {
          await database.empty();
          const { apply, published } = await startRoom(database, summaryUsers + 10);
          await apply([sent('a'), sent('b')]);
          const model: Model = new Map(['a', 'b'].map((one) => [message(one), new Map()]));
          const all: NewEvent[] = [];
          for (const [n, makes] of batches.entries()) {
            const events = makes.map((make) => make());
            for (const event of events) applyToModel(model, event);
            all.push(...events);
            const again = all[(repeated[n] ?? 0) % all.length];
            await apply(again ? [...events, again] : events);
          }
          await expectModel(model);
          expectOrdered(published);
          expect(newestOf(published)).toEqual(await readMessages(database));
        },
      ),
      { numRuns: 25 },
    );
  });

  test('of a thousand users in one batch change the message once, and are counted exactly', async () => {
    const { apply, published } = await startRoom(database, 1_000);
    await apply([sent('a')]);
    const before = published.length;
    const people = Array.from({ length: 1_000 }, (_, n) => `${n}`);
    const outcomes = await apply(people.map((who, n) => reacted(who, 'a', n % 2 === 0 ? '\u{1f44d}' : '\u{1f389}')));
    expect(outcomes.every((outcome) => outcome?.applied && outcome.entry === null)).toBe(true);
    expect(published.slice(before).map(({ reactions }) => reactions.map(({ count }) => count))).toEqual([[500, 500]]);
    expect(published.at(-1)?.revision).toBe(0);
    const [entry] = await readMessages(database);
    expect(entry?.position).toBe(3);
    expect(entry?.reactions[0]?.userIds).toEqual(
      people
        .filter((_, n) => n % 2 === 0)
        .slice(0, summaryUsers)
        .map(idOf),
    );
  });

  test('have the message in their outcome if they are the only ones to it in a batch, also where they change nothing', async () => {
    const { apply, published } = await startRoom(database, 2);
    await apply([sent('a'), sent('b'), sent('c')]);
    const events = [reacted('0', 'a', '\u{1f44d}'), reacted('0', 'b', '\u{1f44d}'), reacted('1', 'b', '\u{1f44d}')];
    const unchanged = reacted('0', 'c', '\u{1f44d}', 'ReactionRemoved');
    const outcomes = await apply([...events, unchanged]);
    const newest = new Map((await readMessages(database)).map((entry) => [entry.id, entry]));
    expect(outcomes).toEqual([
      { applied: true, entry: newest.get(message('a')) },
      { applied: true, entry: null },
      { applied: true, entry: null },
      { applied: true, entry: newest.get(message('c')) },
    ]);
    expect(newestOf(published)).toEqual([...newest.values()]);
  });

  test('do not break up a batch of sends', async () => {
    const { apply, published } = await startRoom(database, 2);
    await apply([sent('a')]);
    const before = published.length;
    await apply([sent('b'), reacted('0', 'a', '\u{1f44d}'), sent('c'), reacted('1', 'a', '\u{1f44d}'), sent('d')]);
    const texts = published.slice(before).map(({ text, position }) => `${text}${position}`);
    expect(texts).toEqual(['b3', 'c4', 'd5', 'a6']);
    const rows = await database.query<{ at: string }>('SELECT log_offset AS at FROM entry ORDER BY position');
    const offsets = rows.map(({ at }) => Number(at));
    expect(offsets).toEqual([...offsets].sort((one, other) => one - other));
  });

  test('before sends do not move the place of their channel in the log back', async () => {
    const { apply, published } = await startRoom(database, 2);
    await apply([sent('a')]);
    const before = published.length;
    await apply([reacted('0', 'a', '\u{1f44d}'), sent('b'), reacted('1', 'a', '\u{1f44d}'), sent('c')]);
    expect(published.slice(before).map(({ text, position }) => `${text}${position}`)).toEqual(['a3', 'b4', 'c5', 'a6']);
    const [channel] = await database.query('SELECT log_offset::int AS at FROM channel');
    expect(channel).toEqual({ at: 5 });
  });

  test('are refused by the rules, in the order of the log', async () => {
    const { apply } = await startRoom(database, 1);
    await apply([sent('a'), sent('gone'), deleted('gone')]);
    const like = '\u{1f44d}';
    const joinedId = (await database.query<{ id: string }>(`SELECT id FROM entry WHERE kind = 'JOINED'`))[0]?.id ?? '';
    const outcomes = await apply([
      reacted('0', 'a', like),
      reacted('stranger', 'a', like),
      reacted('0', 'nothing', like),
      reacted('0', 'gone', like),
      { ...reacted('0', 'a', like), messageId: joinedId },
      closed(),
      reacted('owner', 'a', like),
      reacted('0', 'a', like, 'ReactionRemoved'),
    ]);
    expect(outcomes.map(codeOf)).toEqual([
      null,
      'NOT_FOUND',
      'NOT_FOUND',
      'CONFLICT',
      'FORBIDDEN',
      null,
      'CONFLICT',
      null,
    ]);
    expect((await readMessages(database)).find(({ text }) => text === 'a')?.reactions).toEqual([]);
  });

  test('go with messages that are trimmed, and those of closed matches', async () => {
    const { apply } = await startRoom(database, 1);
    await apply([sent('a'), sent('b'), reacted('0', 'a', '\u{1f44d}'), reacted('0', 'b', '\u{1f44d}')]);
    await apply([{ ...base('owner'), type: 'HistoryTrimmed', throughSeq: 2 }]);
    expect(await database.query('SELECT message_id AS id FROM reaction')).toEqual([{ id: message('b') }]);
    await database.query(deleteEntriesOf, { ids: [room] });
    expect(await database.query('SELECT message_id AS id FROM reaction')).toEqual([]);
  });

  test('have a maximum of kinds, and a kind that nobody uses any longer makes room', async () => {
    const { apply } = await startRoom(database, 1);
    await apply([sent('a')]);
    const kinds = Array.from({ length: maxReactionKinds }, (_, n) => String.fromCodePoint(0x1f600 + n));
    const another = '\u{1f44d}';
    const full = await apply([...kinds.map((one) => reacted('0', 'a', one)), reacted('owner', 'a', another)]);
    expect(full.map(codeOf)).toEqual([...kinds.map(() => null), 'CONFLICT']);
    const [first = ''] = kinds;
    const freed = await apply([
      reacted('owner', 'a', first),
      reacted('owner', 'a', another),
      reacted('0', 'a', first, 'ReactionRemoved'),
      reacted('owner', 'a', first, 'ReactionRemoved'),
      reacted('owner', 'a', another),
    ]);
    expect(freed.map(codeOf)).toEqual([null, 'CONFLICT', null, null, null]);
    const [entry] = await readMessages(database);
    expect(entry?.reactions.map((reaction) => reaction.emoji)).toEqual([...kinds.slice(1), another]);
  });
});

/** Compares messages and the table of reactions with the model. */
async function expectModel(model: Model): Promise<void> {
  const rows = await database.query<{ id: string; emoji: string; userId: string }>(
    'SELECT message_id AS id, emoji, user_id AS "userId" FROM reaction',
  );
  const expected = [...model].flatMap(([id, kinds]) =>
    [...kinds].flatMap(([one, userIds]) => userIds.map((userId) => `${id} ${one} ${userId}`)),
  );
  expect(rows.map(({ id, emoji: one, userId }) => `${id} ${one} ${userId}`).sort()).toEqual(expected.sort());
  for (const { id, reactions, revision, deletedAt } of await readMessages(database)) {
    const kinds = model.get(id) ?? new Map<string, string[]>();
    expect(reactions.map((reaction) => reaction.emoji).sort()).toEqual([...kinds.keys()].sort());
    for (const { emoji: one, count, userIds } of reactions) {
      const users = kinds.get(one) ?? [];
      expect(count).toBe(users.length);
      expect(new Set(userIds).size).toBe(Math.min(users.length, summaryUsers));
      expect(users).toEqual(expect.arrayContaining([...userIds]));
    }
    expect(revision).toBe(deletedAt === null ? 0 : 1);
  }
}
