import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LiveUpdate } from '../../../api/domain/updates/live-update.ts';
import type { PubSub } from '../../../api/infra/pubsub/pubsub.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../../support/database.ts';
import { idOf } from '../../support/events.ts';
import { createLossyPubSub, type Fate } from '../../support/lossy-pubsub.ts';
import { type Following, openUpdatesGateway } from '../../support/updates-gateway.ts';
import { createUpdatesWorld, joinedBy, sentBy, worldChannels } from '../../support/updates-world.ts';

const ada = idOf('ada');
/** Both are on one partition. */
const [first = '', second = ''] = worldChannels;

describe.each(databaseKinds)('a bridge that is killed between commit and publish, over %s', (kind) => {
  let database: TestDatabase;
  let fate: Fate;
  let pubsub: PubSub;
  let world: Awaited<ReturnType<typeof createUpdatesWorld>>;
  let gateway: Awaited<ReturnType<typeof openUpdatesGateway>>;
  let streams: Following[];

  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });

  beforeEach(async () => {
    await database.empty();
    fate = 'deliver';
    streams = [];
    pubsub = createLossyPubSub(() => fate);
    world = await createUpdatesWorld(database, pubsub);
    for (const channelId of [first, second])
      for (const who of ['bob', 'ada'] as const) await world.apply(joinedBy(who, channelId));
    gateway = await openUpdatesGateway(database, pubsub, { maxReplay: 1_000 });
  });
  afterEach(async () => {
    for (const stream of streams) await stream.stop();
    await gateway.stop();
  });

  async function follow(after: string | null) {
    const updates: LiveUpdate[] = [];
    const take = async (update: LiveUpdate) => void updates.push(update);
    streams.push(await gateway.follow(ada, after, { taking: 'push', take }));
    await vi.waitFor(() => expect(updates.some(({ event }) => event.type === 'caughtUp')).toBe(true));
    const textsFrom = (from: number) =>
      updates.slice(from).flatMap(({ event }) => (event.type === 'message' ? [event.entry.text] : []));
    return { updates, textsFrom };
  }

  test('loses nothing: streams get it from its successor, and no cursor was ahead of it', async () => {
    const { updates, textsFrom } = await follow(null);
    await world.apply(sentBy('bob', 'before', first));
    fate = 'lose';
    await world.apply(sentBy('bob', 'committed', second));
    fate = 'deliver';
    await pubsub.publish('takeovers', { partition: 0, from: 0 });
    for (const text of ['one', 'two', 'three']) await world.apply(sentBy('bob', text, first));

    const all = ['before', 'committed', 'one', 'three', 'two'];
    await vi.waitFor(() => expect(textsFrom(0).toSorted()).toEqual(all));
    // Signs of life follow, with cursors that have moved.
    const newest = updates.length;
    await vi.waitFor(() => expect(updates.length).toBeGreaterThan(newest + 2));
    for (const [n, { cursor }] of updates.entries()) {
      const rest = textsFrom(n + 1);
      const resumed = await follow(cursor);
      expect(resumed.textsFrom(0)).toEqual(expect.arrayContaining(rest));
    }
  });
});
