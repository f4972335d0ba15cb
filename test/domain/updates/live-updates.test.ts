import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LiveUpdate } from '../../../api/domain/updates/live-update.ts';
import { decodeUpdateCursor } from '../../../api/domain/updates/update-cursor.ts';
import { userTopic } from '../../../api/events.ts';
import { DatabaseUnavailableError } from '../../../api/infra/database/database.ts';
import { FeedRestartedError } from '../../../api/live/channel-feed.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../../support/database.ts';
import { base, idOf } from '../../support/events.ts';
import { createLossyPubSub, type Fate } from '../../support/lossy-pubsub.ts';
import { type Following, openUpdatesGateway, type Taking } from '../../support/updates-gateway.ts';
import { createUpdatesWorld, joinedBy, sentBy, worldChannels } from '../../support/updates-world.ts';

const ada = idOf('ada');
const bob = idOf('bob');
const refuse = () => Promise.reject(new DatabaseUnavailableError('away'));
const [, second = '', third = ''] = worldChannels;

describe.each(databaseKinds)('live streams of updates over %s', (kind) => {
  let database: TestDatabase;
  let fate: Fate;
  let pubsub: ReturnType<typeof createLossyPubSub>;
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
    const lossy = createLossyPubSub(() => fate);
    pubsub = { ...lossy, connected: () => fate !== 'lose' };
    world = await createUpdatesWorld(database, pubsub);
    for (const channelId of [second, third])
      for (const who of ['bob', 'ada'] as const) await world.apply(joinedBy(who, channelId));
    gateway = await openUpdatesGateway(database, pubsub, { maxReplay: 1_000 });
  });
  afterEach(async () => {
    for (const stream of streams) await stream.stop();
    await gateway.stop();
  });

  /** Follows everything that concerns Ada, from a cursor or from now on. */
  async function follow(taking: Taking = 'push', after: string | null = null) {
    const updates: LiveUpdate[] = [];
    const following = await gateway.follow(ada, after, { taking, take: async (update) => void updates.push(update) });
    streams.push(following);
    const isCaughtUp = () => updates.some(({ event }) => event.type === 'caughtUp');
    await vi.waitFor(() => expect(isCaughtUp()).toBe(true));
    return {
      ...following,
      updates,
      texts: () => updates.flatMap(({ event }) => (event.type === 'message' ? [event.entry.text] : [])),
      count: (type: LiveUpdate['event']['type']) => updates.filter(({ event }) => event.type === type).length,
      resynced: () => updates.flatMap(({ event }) => (event.type === 'resync' ? [event.channelId] : [])).toSorted(),
      cursor: () => updates.at(-1)?.cursor ?? '',
    };
  }

  /** Lets Ada block Bob. */
  const block = () =>
    database.query('INSERT INTO block (blocker_id, blocked_id, created_at) VALUES ($1, $2, now())', [ada, bob]);

  const say = (text: string, channelId = second) => world.apply(sentBy('bob', text, channelId));

  test.each(['push', 'pull'] as const)('wake a channel for each message after it slept: %s', async (taking) => {
    const { texts } = await follow(taking);
    for (const text of ['one', 'two', 'three']) {
      expect(gateway.live.awake()).toBe(0);
      await say(text);
      await vi.waitFor(() => expect(texts().at(-1)).toBe(text));
      await vi.waitFor(() => expect(gateway.live.awake()).toBe(0));
    }
    expect(texts()).toEqual(['one', 'two', 'three']);
  });

  test('of one user share channels, and leave nothing behind', async () => {
    const [first, other] = [await follow(), await follow('pull')];
    expect([gateway.live.size(), gateway.live.channels()]).toEqual([2, 2]);
    await say('hello');
    for (const { texts } of [first, other]) await vi.waitFor(() => expect(texts()).toEqual(['hello']));
    await first.stop();
    await say('again', third);
    await vi.waitFor(() => expect(other.texts()).toEqual(['hello', 'again']));
    expect(first.texts()).toEqual(['hello']);
    await other.stop();
    expect([gateway.live.size(), gateway.live.channels(), gateway.live.awake()]).toEqual([0, 0, 0]);
    await vi.waitFor(() => expect(gateway.followed()).toEqual({ channels: 0, users: 0, feeds: 0 }));
  });

  test('move their cursor past a message once it is delivered, but not while signals may be missing', async () => {
    const { texts, cursor } = await follow();
    const nextOf = () => decodeUpdateCursor(cursor()).from.next[0] ?? 0;
    const before = nextOf();
    // A signal tells that all signals before it were published.
    for (const text of ['one', 'two']) await say(text);
    await vi.waitFor(() => expect(nextOf()).toBe(before + 1));
    fate = 'lose';
    await say('three');
    await vi.waitFor(() => expect(texts()).toEqual(['one', 'two', 'three']));
    expect(nextOf()).toBe(before + 1);
    const resumed = await follow('push', cursor());
    await vi.waitFor(() => expect(resumed.texts()).toEqual(['two', 'three']));
  });

  test('keep their cursor while a message is executed, and deliver it after a resume', async () => {
    const { updates, cursor, count } = await follow();
    await say('one');
    await vi.waitFor(() => expect(updates.at(-1)?.event).toMatchObject({ type: 'caughtUp' }));
    gateway.delayExecutions(true);
    for (const text of ['two', 'three', 'four']) await say(text);
    // Each of them has the cursor of its moment; signals settle meanwhile.
    for (let told = 1; told <= 20; told++) {
      await pubsub.publish(userTopic(ada), { type: 'profile' });
      await vi.waitFor(() => expect(count('user')).toBe(told), { interval: 1 });
    }
    const after = cursor();
    gateway.delayExecutions(false);
    const resumed = await follow('pull', after);
    await vi.waitFor(() => expect(resumed.texts()).toEqual(expect.arrayContaining(['two', 'three', 'four'])));
  });

  test('resume from their cursors if the gateway was started before any bridge', async () => {
    await gateway.stop();
    await database.empty();
    gateway = await openUpdatesGateway(database, pubsub, { maxReplay: 1_000 });
    world = await createUpdatesWorld(database, pubsub);
    for (const who of ['bob', 'ada'] as const) await world.apply(joinedBy(who, second));
    const { cursor } = await follow();
    for (const text of ['one', 'two']) await say(text);
    await vi.waitFor(() => expect(decodeUpdateCursor(cursor()).from.next[0]).toBeGreaterThan(4));
    expect(decodeUpdateCursor(cursor()).from.next).toHaveLength(2);
    const resumed = await follow('push', cursor());
    await say('three');
    await vi.waitFor(() => expect(resumed.texts().at(-1)).toBe('three'));
  });

  test('find the changes of a user whose signals were lost with the connection', async () => {
    const { texts, updates } = await follow();
    fate = 'lose';
    await database.query('INSERT INTO seen_mark (channel_id, user_id, seq) VALUES ($1, $2, 4)', [second, ada]);
    await pubsub.publish(userTopic(ada), { type: 'seen', channelId: second });
    await world.apply({ ...base('ada'), channelId: third, type: 'MemberLeft', userId: ada, gone: false, revision: 1 });
    fate = 'deliver';
    pubsub.reconnect();
    const isTold = (channelId: string) =>
      updates.some(({ event }) => event.type === 'membership' && event.channelId === channelId);
    await vi.waitFor(() => expect([second, third].map(isTold)).toEqual([true, true]));
    await vi.waitFor(() => expect(gateway.live.channels()).toBe(1));
    await say('hidden', third);
    await say('shown');
    await vi.waitFor(() => expect(texts()).toEqual(['shown']));
  });

  test('load channels again in which somebody who was blocked has been a member', async () => {
    const { resynced } = await follow();
    await say('hello');
    await world.apply({ ...base('bob'), channelId: second, type: 'MemberLeft', userId: bob, revision: 1, gone: false });
    await block();
    await gateway.blocks.publishChange(ada);
    await vi.waitFor(() => expect(resynced()).toEqual([second, third].toSorted()));
  });

  test('load channels again after the end of a block whose beginning was missed', async () => {
    const { resynced } = await follow();
    fate = 'lose';
    await block();
    await gateway.blocks.publishChange(ada);
    fate = 'deliver';
    pubsub.reconnect();
    await vi.waitFor(() => expect(new Set(resynced())).toEqual(new Set([second, third])));
    await vi.waitFor(() => expect(gateway.mayMiss()).toBe(false));
    const later = await follow();
    await database.query('DELETE FROM block');
    await gateway.blocks.publishChange(ada);
    await vi.waitFor(() => expect(later.resynced()).toEqual([second, third].toSorted()));
  });

  test('find a change of memberships once the database is there again, and keep their cursor until then', async () => {
    let isAway = false;
    const away = {
      ...database,
      read: ((...args) => (isAway ? refuse() : database.read(...args))) as typeof database.read,
    };
    await gateway.stop();
    gateway = await openUpdatesGateway(away, pubsub, { maxReplay: 1_000 });
    const { count, cursor, updates } = await follow();
    isAway = true;
    await world.apply({ ...base('ada'), channelId: third, type: 'MemberLeft', userId: ada, revision: 1, gone: false });
    const [first] = updates;
    for (const text of ['one', 'two', 'three']) await say(text);
    await vi.waitFor(() => expect(count('message')).toBe(3));
    expect(cursor()).toBe(first?.cursor);
    isAway = false;
    await vi.waitFor(() => expect(count('membership')).toBe(1));
    await vi.waitFor(() => expect(cursor()).not.toBe(first?.cursor));
    expect(gateway.live.channels()).toBe(1);
  });

  test('end when the database was restored to an older state, and resume', async () => {
    const { texts, ended } = await follow();
    await say('one');
    await say('two');
    await vi.waitFor(() => expect(texts()).toEqual(['one', 'two']));
    await database.query('DELETE FROM entry WHERE channel_id = $1 AND text = $2', [second, 'two']);
    await database.query(
      'UPDATE channel SET position = position - 1, seq = seq - 1, version = version - 1 WHERE id = $1',
      [second],
    );
    pubsub.reconnect();
    expect(await ended).toBeInstanceOf(FeedRestartedError);
    const resumed = await follow();
    await say('three');
    await vi.waitFor(() => expect(resumed.texts()).toEqual(['three']));
  });

  test('go on when an old channel is removed', async () => {
    const { texts, count, updates } = await follow();
    await database.query('WITH gone AS (DELETE FROM entry WHERE channel_id = $1) DELETE FROM channel WHERE id = $1', [
      third,
    ]);
    pubsub.reconnect();
    await vi.waitFor(() => expect(count('membership')).toBeGreaterThan(0));
    expect(updates.find(({ event }) => event.type === 'membership')?.event).toMatchObject({ channelId: third });
    await say('hello');
    await vi.waitFor(() => expect(texts()).toEqual(['hello']));
  });
});
