import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { createOffsetTracking } from '../../../api/domain/cleanup/offsets.ts';
import type { BacklogUpdate } from '../../../api/domain/updates/sweep.ts';
import { encodeUpdateCursor } from '../../../api/domain/updates/update-cursor.ts';
import { createUpdates } from '../../../api/domain/updates/updates.ts';
import type { NewEvent } from '../../../api/events.ts';
import { completeRound } from '../../support/cleanup.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../../support/database.ts';
import { base, eventMaker, idOf, reactionMaker } from '../../support/events.ts';
import { createClientModel } from '../../support/updates-model.ts';
import { createUpdatesWorld, joinedBy, partitionOf, sentBy, worldChannels } from '../../support/updates-world.ts';

const ada = idOf('ada');
const channel = fc.constantFrom(...worldChannels);

/** A change, or a look of the client at its updates. */
type Step =
  | { type: 'event'; make: () => NewEvent; channelId: string }
  | { type: 'block' | 'unblock' | 'old edit' | 'remove' | 'mark' | 'absence'; channelId: string }
  | { type: 'rename'; name: string }
  | { type: 'track' }
  | { type: 'page'; first: number }
  | { type: 'resume' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      type: fc.constant('event' as const),
      make: fc.oneof({ weight: 4, arbitrary: eventMaker }, reactionMaker),
      channelId: channel,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom('block' as const, 'unblock' as const, 'old edit' as const, 'mark' as const),
      channelId: channel,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constantFrom('remove' as const, 'track' as const), channelId: channel }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom('absence' as const, 'old edit' as const, 'mark' as const),
      channelId: channel,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('rename' as const), name: fc.constantFrom('Bo', 'Bobby') }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('page' as const), first: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.constant({ type: 'resume' as const }) },
);

const noTickets = { find: async (userIds: readonly string[]) => userIds.map(() => null) };

describe.each(databaseKinds)('updates over %s', (kind) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });

  test.each([3, 1_000])(
    'a client that follows them has the state that fresh queries return, with at most %i messages replayed',
    async (maxReplay) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          await database.empty();
          const run = await createRun(database, maxReplay);
          for (const one of steps) await run.step(one);
          await run.check();
        }),
        { numRuns: 40 },
      );
    },
  );
});

/** Creates a world with a client of Ada that resumes from any cursor it was ever given last. */
async function createRun(database: TestDatabase, maxReplay: number) {
  const world = await createUpdatesWorld(database);
  const guard = { isCaughtUp: async () => true, caughtUpMs: 0 };
  const updates = createUpdates({
    database,
    tickets: noTickets,
    logName: 'embedded',
    guard,
    maxReplay,
    cursorDays: 30,
  });
  const client = createClientModel(database, ada);
  await database.query(`INSERT INTO users (id, name, created_at) VALUES ($1, 'ada', now())`, [ada]);
  for (const channelId of worldChannels.slice(1))
    for (const who of ['bob', 'ada'] as const) await world.apply(joinedBy(who, channelId));
  let absences = 0;
  let cursor = encodeUpdateCursor((await updates.page(ada, null, 1)).cursor);
  await client.load();

  return { step, check };

  async function step(one: Step): Promise<void> {
    switch (one.type) {
      case 'event':
        return world.apply(await world.in(one.make(), one.channelId));
      case 'absence':
        return beAbsent(one.channelId);
      case 'block':
      case 'unblock':
      case 'mark':
      case 'remove':
        return change(one.type, one.channelId, '');
      case 'rename':
        return change(one.type, '', one.name);
      case 'old edit':
        return world.editAsBefore(one.channelId);
      case 'track':
        await completeRound(createOffsetTracking({ database, log: trackedLog }));
        return;
      case 'page':
        await takePage(one.first);
        return;
      case 'resume':
        return resume();
      default:
        throw new Error(`unknown step ${JSON.stringify(one satisfies never)}`);
    }
  }

  /** Lets Ada leave a channel, where somebody sends a message, and join it again. */
  async function beAbsent(channelId: string): Promise<void> {
    const left: NewEvent = { ...base('ada'), type: 'MemberLeft', userId: ada, revision: 0, gone: false };
    for (const event of [left, sentBy('owner', `unseen ${absences++}`, channelId), joinedBy('ada', channelId)])
      await world.apply(event.type === 'MessageSent' ? event : await world.in(event, channelId));
  }

  async function change(type: keyof typeof statements, channelId: string, name: string): Promise<void> {
    const { sql, names } = statements[type];
    const parameters = { ada, bob: idOf('bob'), channel: channelId, name };
    await database.query(
      sql,
      names.map((parameter) => parameters[parameter]),
    );
  }

  async function takePage(first: number): Promise<boolean> {
    const page = await updates.page(ada, cursor, first);
    expect(page.updates.length).toBeLessThanOrEqual(first);
    await accept(page.updates);
    cursor = encodeUpdateCursor(page.cursor);
    return page.hasMore;
  }

  async function resume(): Promise<void> {
    const { positions, cursor: end } = await updates.resume(ada, cursor, async (page) => {
      await accept(page);
      // The connection may end after any update.
      cursor = encodeUpdateCursor(page[page.length - 1]?.cursor as BacklogUpdate['cursor']);
    });
    cursor = encodeUpdateCursor(end);
    const channels = await database.query<{ id: string; position: number }>(
      `SELECT c.id, c.position FROM channel c JOIN member m ON m.channel_id = c.id AND m.user_id = $1 AND m.state = 'ACTIVE'`,
      [ada],
    );
    expect([...positions].sort()).toEqual(channels.map(({ id, position }) => [id, position]).sort());
  }

  async function accept(page: readonly BacklogUpdate[]): Promise<void> {
    const positions = new Map<string, number>();
    for (const update of page) {
      if (update.event.type === 'message') {
        const { entry } = update.event;
        expect(await client.fresh.mayRead(entry)).toBe(true);
        expect(entry.position).toBeGreaterThan(positions.get(entry.channelId) ?? 0);
        positions.set(entry.channelId, entry.position);
      }
      await client.apply(update);
    }
  }

  async function compare(): Promise<void> {
    const present = await client.fresh.everything();
    expect(client.stateBeside(present)).toEqual(present);
  }

  /** Takes everything that is left, in the sweep that may be under way and in another one. */
  async function check(): Promise<void> {
    for (const _ of [1, 2]) while (await takePage(3));
    await compare();
    await resume();
    await compare();
  }
}

const trackedLog = { name: 'embedded', partitionOf: async (channelId: string) => partitionOf(channelId) };

/** Changes of records that do not come through the log, and one that the cleanup makes. */
const statements = {
  block: {
    sql: 'INSERT INTO block (blocker_id, blocked_id, created_at) SELECT $1, id, now() FROM users WHERE id = $2 ON CONFLICT DO NOTHING',
    names: ['ada', 'bob'],
  },
  unblock: { sql: 'DELETE FROM block WHERE blocker_id = $1 AND blocked_id = $2', names: ['ada', 'bob'] },
  rename: { sql: 'UPDATE users SET name = $2 WHERE id = $1', names: ['bob', 'name'] },
  mark: {
    sql: `INSERT INTO seen_mark (channel_id, user_id, seq)
      SELECT c.id, m.user_id, c.seq FROM channel c JOIN member m ON m.channel_id = c.id AND m.user_id = $2 AND m.state = 'ACTIVE'
      WHERE c.id = $1 ON CONFLICT (channel_id, user_id) DO UPDATE SET seq = greatest(seen_mark.seq, excluded.seq)`,
    names: ['channel', 'ada'],
  },
  remove: {
    sql: 'WITH gone AS (DELETE FROM entry WHERE channel_id = $1) DELETE FROM channel WHERE id = $1',
    names: ['channel'],
  },
} as const satisfies Record<string, { sql: string; names: readonly ('ada' | 'bob' | 'channel' | 'name')[] }>;
