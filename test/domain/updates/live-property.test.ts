import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { LiveUpdate } from '../../../api/domain/updates/live-update.ts';
import { channelTopic, type Entry, type NewEvent, userTopic } from '../../../api/events.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../../support/database.ts';
import { eventMaker, idOf, reactionMaker } from '../../support/events.ts';
import { createLossyPubSub, type Fate } from '../../support/lossy-pubsub.ts';
import { headOf } from '../../support/signals.ts';
import { type Following, openUpdatesGateway, type Taking } from '../../support/updates-gateway.ts';
import { createClientModel } from '../../support/updates-model.ts';
import { createUpdatesWorld, joinedBy, worldChannels } from '../../support/updates-world.ts';

const ada = idOf('ada');
const bob = idOf('bob');
const channel = fc.constantFrom(...worldChannels);
const taking = fc.constantFrom<Taking>('pull', 'push');

/** A change, or something that happens to the client or its gateway. */
type Step =
  | { type: 'event'; make: () => NewEvent; channelId: string }
  | { type: 'block' | 'unblock' | 'mark'; channelId: string }
  | { type: 'rename'; name: string }
  | { type: 'network'; fate: Fate }
  | { type: 'pause' }
  | { type: 'resume'; cursor: number; taking: Taking }
  | { type: 'restart'; taking: Taking };

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
      type: fc.constantFrom('block' as const, 'unblock' as const, 'mark' as const),
      channelId: channel,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('rename' as const), name: fc.constantFrom('Bo', 'Bobby') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('network' as const),
      fate: fc.constantFrom<Fate>('deliver', 'lose', 'double'),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ type: 'pause' as const }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('resume' as const), cursor: fc.nat(), taking }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restart' as const), taking }) },
);

describe.each(databaseKinds)('live updates over %s', (kind) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });

  test.each([3, 1_000])(
    'a client that follows them has the state that fresh queries return, with at most %i messages replayed',
    async (maxReplay) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), taking, async (steps, first) => {
          await database.empty();
          const run = await createRun(database, maxReplay, first);
          try {
            for (const one of steps) await run.step(one);
            await run.check();
          } finally {
            await run.stop();
          }
        }),
        { numRuns: 20 },
      );
    },
  );
});

/** Creates a world with a client of Ada that follows it live, and resumes from any cursor it was ever given. */
async function createRun(database: TestDatabase, maxReplay: number, first: Taking) {
  let fate: Fate = 'deliver';
  const lossy = createLossyPubSub(() => fate);
  const pubsub = { ...lossy, connected: () => fate !== 'lose' };
  const world = await createUpdatesWorld(database, pubsub);
  const client = createClientModel(database, ada);
  /** Positions of channels at the last change of the client's access: older entries may arrive late. */
  const changedAt = new Map<string, number>();
  const cursors: string[] = [];
  let gateway = await openUpdatesGateway(database, pubsub, { maxReplay });
  let following: Following | null = null;
  let failure: unknown = null;

  await database.query(`INSERT INTO users (id, name, created_at) VALUES ($1, 'ada', now())`, [ada]);
  for (const channelId of worldChannels.slice(1))
    for (const who of ['bob', 'ada'] as const) await world.apply(joinedBy(who, channelId));
  await follow(null, first);
  await client.load();

  return { step: takeStep, check, stop };

  async function takeStep(one: Step): Promise<void> {
    switch (one.type) {
      case 'event': {
        const event = await world.in(one.make(), one.channelId);
        await noteAccess(one.channelId, event);
        return world.apply(event);
      }
      case 'block':
      case 'unblock':
        for (const channelId of worldChannels) await noteAccess(channelId);
        await database.query(statements[one.type], [ada, bob]);
        return gateway.blocks.publishChange(ada);
      case 'mark':
        await database.query(statements.mark, [one.channelId, ada]);
        return pubsub.publish(userTopic(ada), { type: 'seen', channelId: one.channelId });
      case 'rename':
        await database.query('UPDATE users SET name = $2 WHERE id = $1', [bob, one.name]);
        return tellProfile();
      case 'network':
        return setNetwork(one.fate);
      case 'pause':
        return pause();
      case 'resume':
        return resume(cursors[one.cursor % cursors.length] ?? null, one.taking);
      case 'restart':
        await following?.stop();
        await gateway.stop();
        gateway = await openUpdatesGateway(database, pubsub, { maxReplay });
        return resume(cursors.at(-1) ?? null, one.taking);
      default:
        throw new Error(`unknown step ${JSON.stringify(one satisfies never)}`);
    }
  }

  /** Messages are lost together with the connection. */
  function setNetwork(next: Fate): void {
    const wasAway = fate === 'lose';
    fate = next;
    if (wasAway && next !== 'lose') pubsub.reconnect();
  }

  async function tellProfile(): Promise<void> {
    for (const channelId of worldChannels) {
      const head = headOf(channelId, 0, { version: 0, partition: -1, offset: -1 });
      await pubsub.publish(channelTopic(channelId), { head, entries: [], profileOf: bob });
    }
  }

  async function noteAccess(channelId: string, event: NewEvent | null = null): Promise<void> {
    if (event !== null && event.type !== 'MemberLeft' && event.type !== 'MemberJoined') return;
    const [found] = await database.query<{ position: number }>('SELECT position FROM channel WHERE id = $1', [
      channelId,
    ]);
    // The change itself may take the next position.
    changedAt.set(channelId, (found?.position ?? 0) + 1);
  }

  /** Follows from a cursor, and compares the state once everything has arrived. */
  async function resume(after: string | null, taken: Taking): Promise<void> {
    await following?.stop();
    await follow(after, taken);
    await compare();
  }

  /** Resolves once the client has caught up. */
  async function follow(after: string | null, taken: Taking): Promise<void> {
    const positions = new Map<string, number>();
    let catchUp = () => {};
    const caughtUp = new Promise<void>((resolve) => {
      catchUp = resolve;
    });
    const take = async (update: LiveUpdate) => {
      try {
        if (update.event.type === 'message') await requireVisible(update.event.entry, positions);
        if (following !== null || after !== null) await client.apply(update);
        cursors.push(update.cursor);
        if (update.event.type === 'caughtUp') catchUp();
      } catch (error) {
        failure ??= error;
        catchUp();
      }
    };
    const opened = await gateway.follow(ada, after, { taking: taken, take });
    void opened.ended.then((error) => {
      failure ??= error;
      catchUp();
    });
    await caughtUp;
    following = opened;
    throwFailure();
  }

  async function requireVisible(entry: Entry, positions: Map<string, number>): Promise<void> {
    const { channelId, position } = entry;
    expect(position).toBeGreaterThan(positions.get(channelId) ?? 0);
    positions.set(channelId, position);
    if (position > (changedAt.get(channelId) ?? 0)) expect(await client.fresh.mayRead(entry)).toBe(true);
  }

  async function compare(): Promise<void> {
    throwFailure();
    const present = await client.fresh.everything();
    expect(client.stateBeside(present)).toEqual(present);
  }

  /** Waits until everything has arrived, and resumes from a few of all cursors. */
  async function check(): Promise<void> {
    setNetwork('deliver');
    await vi.waitFor(compare);
    const stride = Math.max(1, Math.floor(cursors.length / 4));
    for (const cursor of cursors.filter((_, n) => n % stride === 0)) await resume(cursor, 'push');
  }

  async function stop(): Promise<void> {
    await following?.stop();
    await gateway.stop();
  }

  function throwFailure(): void {
    if (failure) throw failure;
  }
}

/** Resolves after the cursors of live streams had time to move. */
const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 30));

/** Changes of records that do not come through the log. */
const statements = {
  block:
    'INSERT INTO block (blocker_id, blocked_id, created_at) SELECT $1, id, now() FROM users WHERE id = $2 ON CONFLICT DO NOTHING',
  unblock: 'DELETE FROM block WHERE blocker_id = $1 AND blocked_id = $2',
  mark: `INSERT INTO seen_mark (channel_id, user_id, seq)
    SELECT c.id, m.user_id, c.seq FROM channel c JOIN member m ON m.channel_id = c.id AND m.user_id = $2 AND m.state = 'ACTIVE'
    WHERE c.id = $1 ON CONFLICT (channel_id, user_id) DO UPDATE SET seq = greatest(seen_mark.seq, excluded.seq)`,
} as const;
