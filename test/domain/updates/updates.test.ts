import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { BacklogUpdate } from '../../../api/domain/updates/sweep.ts';
import { decodeUpdateCursor, encodeUpdateCursor } from '../../../api/domain/updates/update-cursor.ts';
import { createUpdates } from '../../../api/domain/updates/updates.ts';
import { BadUserInputError, ResyncRequiredError, UnavailableError } from '../../../api/errors.ts';
import type { NewEvent } from '../../../api/events.ts';
import type { Database } from '../../../api/infra/database/database.ts';
import { createMemoryState } from '../../../api/infra/state/memory.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../../support/database.ts';
import { base, factsOf, idOf } from '../../support/events.ts';
import { createUpdatesWorld, joinedBy, sentBy, worldChannels } from '../../support/updates-world.ts';

const [ada, bob] = [idOf('ada'), idOf('bob')];
const [first = '', second = '', third = ''] = worldChannels;

let database: TestDatabase;
let world: Awaited<ReturnType<typeof createUpdatesWorld>>;
let isCaughtUp = true;
let state: ReturnType<typeof createMemoryState>;

function open(options: { maxReplay?: number; database?: Pick<Database, 'read'> } = {}) {
  const { tickets } = state;
  const guard = { isCaughtUp: async () => isCaughtUp, caughtUpMs: 0 };
  return createUpdates({ database, tickets, logName: 'embedded', guard, maxReplay: 1_000, cursorDays: 30, ...options });
}

/** Returns the present cursor of Ada, as if it had been given minutes ago. */
async function cursorOfBefore(minutes = 1): Promise<string> {
  const { cursor } = await open().page(ada, null, 1);
  const { from } = cursor;
  return encodeUpdateCursor({ ...cursor, from: { ...from, time: from.time - minutes * 60_000 } });
}

/** Describes updates in the order of their delivery. */
function describeAll(updates: readonly BacklogUpdate[]): string[] {
  return updates.map(({ event }) => {
    if (event.type === 'message') return `${nameOf(event.entry.channelId)} ${event.entry.text || event.entry.kind}`;
    if (event.type === 'user') return `user ${event.userId === ada ? 'ada' : 'bob'}`;
    return event.type === 'match' ? 'match' : `${nameOf(event.channelId)} ${event.type}`;
  });
}

const nameOf = (channelId: string) => ['first', 'second', 'third'][worldChannels.indexOf(channelId)] ?? 'other';

async function sayIn(channelId: string, ...texts: string[]): Promise<void> {
  for (const text of texts) await world.apply(sentBy('owner', text, channelId));
}

async function take(after: string, options: { maxReplay?: number; first?: number } = {}): Promise<string[]> {
  const taken: string[] = [];
  let cursor = after;
  for (let hasMore = true; hasMore; ) {
    const page = await open(options).page(ada, cursor, options.first ?? 100);
    taken.push(...describeAll(page.updates));
    [cursor, hasMore] = [encodeUpdateCursor(page.cursor), page.hasMore];
  }
  return taken;
}

describe.each(databaseKinds)('updates over %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(async () => {
    await database.empty();
    isCaughtUp = true;
    state = createMemoryState();
    world = await createUpdatesWorld(database);
    for (const channelId of worldChannels) await world.apply(joinedBy('ada', channelId));
    await world.apply(joinedBy('bob', first));
  });

  test('leaves out those that have waited for too long, and reads for the others', async () => {
    const cursor = await cursorOfBefore();
    const asked: unknown[] = [];
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const read: Database['read'] = async (reader, statement, parameters) => {
      asked.push((parameters as { userIds: string[] }).userIds);
      await held;
      return database.read(reader, statement, parameters);
    };
    const updates = open({ database: { read } });
    const begun = updates.resume(ada, cursor, () => {});
    await vi.waitFor(() => expect(asked).toEqual([[ada]]));
    let isWanted = true;
    const late = updates.resume(
      bob,
      cursor,
      () => {},
      () => isWanted,
    );
    const twice = [true, false].map((wanted) =>
      updates.resume(
        idOf('owner'),
        cursor,
        () => {},
        () => wanted,
      ),
    );
    isWanted = false;
    const refused = expect(late).rejects.toThrow(UnavailableError);
    goOn();
    await Promise.all([begun, refused, ...twice]);
    expect(asked.slice(0, 2)).toEqual([[ada], [idOf('owner')]]);
    expect(asked.flat()).not.toContain(bob);
  });

  test('nothing has changed since the present cursor, nor without one', async () => {
    const present = await open().page(ada, null, 10);
    expect(present).toMatchObject({ updates: [], hasMore: false });
    expect(await take(encodeUpdateCursor(present.cursor))).toEqual([]);
  });

  test.each([100, 1])(
    'the smallest gaps are replayed, and the other channels are loaded again, in pages of %i',
    async (size) => {
      const after = await cursorOfBefore();
      const texts = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}${n}`);
      await sayIn(first, ...texts('a', 5));
      await sayIn(second, ...texts('b', 9));
      await sayIn(third, ...texts('c', 2));
      const taken = await take(after, { maxReplay: 7, first: size });
      const messages = [
        ...texts('a', 5).map((text) => `first ${text}`),
        ...texts('c', 2).map((text) => `third ${text}`),
      ];
      expect(taken.filter((one) => !one.endsWith('resync')).sort()).toEqual(messages.sort());
      expect(taken.filter((one) => one.endsWith('resync'))).toEqual(['second resync']);
    },
  );

  test('a sweep in pages delivers changes made meanwhile in the next sweep', async () => {
    const after = await cursorOfBefore();
    await sayIn(first, 'one', 'two');
    const page = await open().page(ada, after, 1);
    await sayIn(first, 'three');
    const rest = await open().page(ada, encodeUpdateCursor(page.cursor), 10);
    expect(describeAll([...page.updates, ...rest.updates])).toEqual(['first one', 'first two']);
    expect(await take(encodeUpdateCursor(rest.cursor))).toEqual(['first three']);
  });

  test('a resume from within a sweep goes on to the present, and returns the positions of all channels', async () => {
    const after = await cursorOfBefore();
    await sayIn(first, 'one', 'two');
    const page = await open().page(ada, after, 1);
    await sayIn(first, 'three');
    const taken: BacklogUpdate[] = [];
    const end = await open().resume(ada, encodeUpdateCursor(page.cursor), (part) => void taken.push(...part));
    expect(describeAll(taken)).toEqual(['first two', 'first three']);
    expect(new Map(end.positions)).toEqual(
      new Map([
        [first, 6],
        [second, 2],
        [third, 2],
      ]),
    );
    expect(await take(encodeUpdateCursor(end.cursor))).toEqual([]);
  });

  test('an edited message comes once, in its newest state', async () => {
    await sayIn(first, 'tea');
    const after = await cursorOfBefore();
    const messageId = sentBy('owner', 'tea', first) as NewEvent & { messageId: string };
    for (const [revision, text] of ['coffee', 'water'].entries())
      await world.apply({
        ...base('owner'),
        channelId: first,
        type: 'MessageEdited',
        messageId: messageId.messageId,
        text,
        revision,
      });
    expect(await take(after)).toEqual(['first water']);
  });

  test('a direct channel that was opened comes with all of its messages', async () => {
    const after = await cursorOfBefore();
    const channelId = idOf('direct');
    const members = [factsOf('owner'), factsOf('ada')].map((user) => ({ user, role: 'MEMBER' as const }));
    await world.apply({
      ...base('owner'),
      channelId,
      type: 'ChannelOpened',
      kind: 'DIRECT',
      visibility: 'PRIVATE',
      name: null,
      members,
    });
    await sayIn(channelId, 'hello');
    expect(await take(after)).toEqual(['other membership', 'other channel', 'other hello']);
  });

  test('entries that retention may have removed are not replayed', async () => {
    await sayIn(first, 'one');
    const after = await cursorOfBefore();
    await sayIn(first, 'two', 'three');
    await database.query('UPDATE channel SET trimmed_position = 5 WHERE id = $1', [first]);
    expect(await take(after)).toEqual(['first resync']);
  });

  test("a user's own records and those of fellow members come if they changed after the cursor's time", async () => {
    const after = await cursorOfBefore();
    await database.query('UPDATE users SET name = $2 WHERE id = ANY($1)', [[ada, bob], 'new']);
    await database.query('INSERT INTO seen_mark (channel_id, user_id, seq) VALUES ($1, $2, 2)', [second, ada]);
    await database.query('INSERT INTO block (blocker_id, blocked_id, created_at) VALUES ($1, $2, now())', [ada, bob]);
    const changed = ['first resync', 'second membership', 'user ada', 'user bob'];
    expect((await take(after)).sort()).toEqual(changed);
    await database.query('DELETE FROM block');
    expect((await take(after)).sort()).toEqual(changed);

    for (const [table, column] of [
      ['users', 'changed_at'],
      ['seen_mark', 'changed_at'],
      ['block_end', 'ended_at'],
      ['profile_change', 'changed_at'],
    ])
      await database.query(`UPDATE ${table} SET ${column} = ${column} - interval '10 minutes'`);
    expect(await take(after)).toEqual([]);
  });

  test('a place in the queue comes, unless the queue is away', async () => {
    const after = await cursorOfBefore();
    const ticket = { id: idOf('ticket'), userId: ada, tags: [], strict: false, avoid: [] };
    await state.tickets.enter(ticket, { leaseMs: 60_000, relaxMs: 60_000 });
    expect(await take(after)).toEqual(['match']);
    state.tickets.find = () => Promise.reject(new Error('away'));
    expect(await take(after)).toEqual([]);
  });

  test('more changed profiles than are told one by one load the channel again', async () => {
    const after = await cursorOfBefore();
    await database.query(
      `INSERT INTO profile_change (channel_id, user_id, changed_at)
       SELECT $1, gen_random_uuid(), now() FROM generate_series(1, 101)`,
      [second],
    );
    const taken = await take(after);
    expect(taken.filter((one) => one === 'second resync')).toHaveLength(1);
  });

  test('a cursor beyond the newest change waits for a replay, and is refused after it', async () => {
    const cursor = decodeUpdateCursor(await cursorOfBefore());
    const ahead = encodeUpdateCursor({ ...cursor, from: { ...cursor.from, next: [1_000, 1_000] } });
    isCaughtUp = false;
    await expect(open().page(ada, ahead, 1)).rejects.toBeInstanceOf(UnavailableError);
    isCaughtUp = true;
    await expect(open().page(ada, ahead, 1)).rejects.toBeInstanceOf(ResyncRequiredError);
    await expect(open().page(ada, await cursorOfBefore(31 * 24 * 60), 1)).rejects.toBeInstanceOf(ResyncRequiredError);
  });

  test('a made-up cursor replays no more than others, and fails no viewer who resumes at the same moment', async () => {
    const after = await cursorOfBefore();
    const texts = Array.from({ length: 5 }, (_, n) => `${n}`);
    await sayIn(first, ...texts);
    await sayIn(second, ...texts);
    const cursor = decodeUpdateCursor(after);
    const place = { step: 'users', id: '00000000-0000-0000-0000-000000000000', offset: 0 } as const;
    const { cursor: to } = await open().page(ada, null, 1);
    const generous = encodeUpdateCursor({ ...cursor, sweep: { to: to.from, place, budget: 1_000 } });
    expect(await take(generous, { maxReplay: 7 })).toHaveLength(6);

    const updates = open();
    const late = encodeUpdateCursor({ ...cursor, from: { ...cursor.from, time: Number.MAX_SAFE_INTEGER } });
    const [refused, page] = await Promise.allSettled([updates.page(bob, late, 1), updates.page(ada, after, 100)]);
    expect(refused).toMatchObject({ reason: expect.any(BadUserInputError) });
    expect(page).toMatchObject({ status: 'fulfilled' });
  });

  test('viewers who resume at the same moment share statements', async () => {
    const after = await cursorOfBefore();
    await sayIn(first, 'one');
    let statements = 0;
    const read: Database['read'] = (...given) => {
      statements++;
      return database.read(...given);
    };
    const updates = open({ database: { read } });
    const pages = await Promise.all(Array.from({ length: 100 }, () => updates.page(ada, after, 10)));
    for (const page of pages) expect(describeAll(page.updates)).toEqual(['first one']);
    expect(statements).toBeLessThanOrEqual(8);
  });
});
