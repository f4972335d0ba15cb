import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { LiveUpdate } from '../../../api/domain/updates/live-update.ts';
import type { NewEvent } from '../../../api/events.ts';
import type { PubSub } from '../../../api/infra/pubsub/pubsub.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../../support/database.ts';
import { eventMaker, idOf, reactionMaker } from '../../support/events.ts';
import { createConnection, createLossyPubSub, type Fate } from '../../support/lossy-pubsub.ts';
import { type Following, openUpdatesGateway } from '../../support/updates-gateway.ts';
import { createClientModel } from '../../support/updates-model.ts';
import { createUpdatesWorld, joinedBy, worldChannels } from '../../support/updates-world.ts';

const ada = idOf('ada');
const gateway = fc.constantFrom<0 | 1>(0, 1);

/** A change, a change of one gateway's connection to the bridge, a pause, or a move of the client to a gateway. */
type Step =
  | { type: 'event'; make: () => NewEvent; channelId: string }
  | { type: 'network'; gateway: 0 | 1; fate: Fate }
  | { type: 'pause' }
  | { type: 'move'; gateway: 0 | 1; cursor: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('event' as const),
      make: fc.oneof({ weight: 4, arbitrary: eventMaker }, reactionMaker),
      channelId: fc.constantFrom(...worldChannels),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('network' as const),
      gateway,
      fate: fc.constantFrom<Fate>('deliver', 'lose', 'double'),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ type: 'pause' as const }) },
  // 0 stands for the newest cursor.
  { weight: 2, arbitrary: fc.record({ type: fc.constant('move' as const), gateway, cursor: fc.nat({ max: 3 }) }) },
);

describe.each(databaseKinds)('two gateways that lose and double signals, over %s', (kind) => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });

  test('leave a client that moves between them with the state that fresh queries return', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: '+1' }), async (steps) => {
        await database.empty();
        const run = await createRun(database);
        try {
          for (const one of steps) await run.step(one);
          await run.check();
        } finally {
          await run.stop();
        }
      }),
      { numRuns: 15 },
    );
  });
});

/** Resolves after cursors had time to move. */
const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 50));

async function createRun(database: TestDatabase) {
  const connections = [createConnection(), createConnection()] as const;
  const shared: PubSub = {
    ...createLossyPubSub(() => 'deliver'),
    async publish(topic, message) {
      for (const { pubsub } of connections) await pubsub.publish(topic, message);
    },
  };
  const world = await createUpdatesWorld(database, shared);
  const client = createClientModel(database, ada);
  const cursors: string[] = [];
  let failure: unknown = null;
  await database.query(`INSERT INTO users (id, name, created_at) VALUES ($1, 'ada', now())`, [ada]);
  for (const channelId of worldChannels.slice(1)) await world.apply(joinedBy('ada', channelId));
  const gateways = await Promise.all(
    connections.map(({ pubsub }) => openUpdatesGateway(database, pubsub, { maxReplay: 1_000 })),
  );
  let following = await follow(0, null);
  await client.load();

  return {
    async step(one: Step): Promise<void> {
      if (one.type === 'event') await world.apply(await world.in(one.make(), one.channelId));
      else if (one.type === 'network') connections[one.gateway].setFate(one.fate);
      else if (one.type === 'pause') await pause();
      else await move(one.gateway, cursors.at(-1 - one.cursor) ?? cursors[0] ?? null);
    },
    /** Compares the state when all connections are back, live and after a move from the newest cursor. */
    async check(): Promise<void> {
      for (const { setFate } of connections) setFate('deliver');
      await vi.waitFor(compare);
      for (const n of [0, 1] as const) await move(n, cursors.at(-1) ?? null);
      await vi.waitFor(compare);
    },
    async stop(): Promise<void> {
      await following.stop();
      for (const one of gateways) await one.stop();
    },
  };

  /** The client has the present state once it has caught up. */
  async function move(to: 0 | 1, after: string | null): Promise<void> {
    await following.stop();
    following = await follow(to, after);
    await compare();
  }

  /** Resolves once the client has caught up. */
  async function follow(to: 0 | 1, after: string | null): Promise<Following> {
    const positions = new Map<string, number>();
    let catchUp: (error: unknown) => void = () => {};
    const caughtUp = new Promise<unknown>((resolve) => {
      catchUp = resolve;
    });
    const take = async (update: LiveUpdate) => {
      try {
        if (update.event.type === 'message') requireRise(update.event.entry, positions);
        if (after !== null || cursors.length > 0) await client.apply(update);
        cursors.push(update.cursor);
        if (update.event.type === 'caughtUp') catchUp(null);
      } catch (error) {
        failure ??= error;
      }
    };
    const opened = await gateways[to]?.follow(ada, after, { taking: 'push', take });
    if (opened === undefined) throw new Error(`there is no gateway ${to}`);
    void opened.ended.then((error) => {
      failure ??= error;
      catchUp(error);
    });
    await caughtUp;
    return opened;
  }

  function requireRise({ channelId, position }: { channelId: string; position: number }, known: Map<string, number>) {
    expect(position).toBeGreaterThan(known.get(channelId) ?? 0);
    known.set(channelId, position);
  }

  async function compare(): Promise<void> {
    if (failure) throw failure;
    const present = await client.fresh.everything();
    expect(client.stateBeside(present)).toEqual(present);
  }
}
