import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Viewer } from '../../api/domain/auth.ts';
import { type ChannelList, createChannelList } from '../../api/domain/channel-list.ts';
import type { ListEvent } from '../../api/domain/list-rounds.ts';
import { channelTopic, userTopic } from '../../api/events.ts';
import type { Database } from '../../api/infra/database/database.ts';
import type { ChannelSignals } from '../../api/live/channel-signals.ts';
import type { Stream } from '../../api/live/stream.ts';
import type { UserSignals } from '../../api/live/user-signals.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';
import { createTestChannelSignals, createTestUserSignals, headOf } from '../support/signals.ts';

const viewer = { userId: 'ada' } as Viewer;
const everyMs = 10_000;

/** Version of each channel that the viewer is a member of, as in the database. */
const stored = new Map<string, number>();
const logger = createTestLogger();
let isAway = false;
let pubsub: ReturnType<typeof createLossyPubSub>;
let channels: ChannelSignals;
let userSignals: UserSignals;
let list: ChannelList;
let stream: Stream<ListEvent>;

const heads = async (ids: readonly string[]) =>
  new Map(ids.flatMap((id) => (stored.has(id) ? [[id, headOf(id, stored.get(id) ?? 0)] as const] : [])));

const read = (async (_reader: string, _statement: unknown, { userIds }: { userIds: string[] }) => {
  if (isAway) throw new Error('away');
  return userIds.flatMap((userId) => [...stored].map(([channelId, version]) => ({ userId, channelId, version })));
}) as unknown as Database['read'];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  stored.clear();
  stored.set('room', 1);
  pubsub = createLossyPubSub(() => 'deliver');
  channels = createTestChannelSignals(pubsub, { heads }, { everyMs });
  userSignals = createTestUserSignals(pubsub, { everyMs });
  list = createChannelList({ database: { read }, channels, userSignals, logger });
  await channels.start();
  await userSignals.start();
  stream = await list.follow(viewer);
  expect(await nextChannel()).toBe('room');
});
afterEach(async () => {
  await stream.return();
  expect([list.size(), channels.size(), userSignals.size()]).toEqual([0, 0, 0]);
  list.stop();
  await channels.stop();
  await userSignals.stop();
  vi.useRealTimers();
});

/** Changes a channel and publishes its head, as a bridge does, also to users whose membership changed. */
async function publish(channelId: string, version: number, userIds: readonly string[] = []): Promise<void> {
  if (stored.has(channelId)) stored.set(channelId, version);
  await pubsub.publish(channelTopic(channelId), { head: headOf(channelId, version), entries: [] });
  for (const userId of userIds) await pubsub.publish(userTopic(userId), { type: 'membership', channelId });
}

/** Returns the next changed channel, whose round has then ended. */
async function nextChannel(): Promise<string | undefined> {
  const { value } = await stream.next();
  await value?.round.settled();
  return value?.channelId;
}

describe('a list of channels', () => {
  test('gives the present state of each channel of the viewer first, one after another', async () => {
    for (const channelId of ['kitchen', 'garden']) stored.set(channelId, 1);
    const second = await list.follow(viewer);
    for (const channelId of ['room', 'kitchen', 'garden']) {
      const { value } = await second.next();
      expect(value?.channelId).toBe(channelId);
      await value?.round.settled();
    }
    await second.return();
  });

  test('shares the statements of present states among followers who come at the same time', async () => {
    stored.set('kitchen', 1);
    const viewers = Array.from({ length: 5 }, (_, n) => ({ userId: `user ${n}` }) as Viewer);
    const streams = await Promise.all(viewers.map(list.follow));
    const firsts = await Promise.all(streams.map((one) => one.next()));
    const seconds = await Promise.all(streams.map((one) => one.next()));
    expect(new Set(firsts.map(({ value }) => value?.round)).size).toBe(1);
    expect(new Set(seconds.map(({ value }) => value?.round)).size).toBe(1);
    expect(firsts[0]?.value?.round).not.toBe(seconds[0]?.value?.round);
    await Promise.all(streams.map((one) => one.return()));
  });

  test('follows each channel once for all of its members here', async () => {
    const second = await list.follow({ userId: 'bob' } as Viewer);
    expect(channels.size()).toBe(1);
    await second.return();
    expect(channels.size()).toBe(1);
  });

  test('gives the present state once the database is back', async () => {
    isAway = true;
    const second = await list.follow({ userId: 'bob' } as Viewer);
    isAway = false;
    const next = second.next();
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await next).value?.channelId).toBe('room');
    await second.return();
  });

  test('notifies of the channels of the viewer alone', async () => {
    await publish('another room', 2);
    await publish('room', 2);
    expect(await nextChannel()).toBe('room');
  });

  test('notifies of a channel that the viewer joins, and follows it from then on', async () => {
    stored.set('new room', 1);
    await publish('new room', 1, ['ada']);
    expect(await nextChannel()).toBe('new room');
    await publish('new room', 2);
    const next = nextChannel();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await next).toBe('new room');
  });

  test('notifies of seen marks that another device moved', async () => {
    await pubsub.publish(userTopic('ada'), { type: 'seen', channelId: 'room' });
    expect(await nextChannel()).toBe('room');
  });

  test('notifies of one channel at most once a second', async () => {
    for (const version of [2, 3]) await publish('room', version);
    expect(await nextChannel()).toBe('room');
    await publish('room', 4);
    const onNext = vi.fn();
    const next = nextChannel().then(onNext);
    await vi.advanceTimersByTimeAsync(999);
    expect(onNext).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await next;
    expect(onNext).toHaveBeenCalledOnce();
  });

  test.each([
    ['periodically', 1.25 * everyMs, () => {}],
    ['as soon as pubsub is back', 250, () => pubsub.reconnect()],
  ])('is checked %s, in case a head was lost', async (_, withinMs, act) => {
    const next = nextChannel();
    stored.set('room', 2);
    act();
    await vi.advanceTimersByTimeAsync(withinMs);
    expect(await next).toBe('room');
  });

  test('notifies of a channel that the viewer has left without a head', async () => {
    stored.delete('room');
    pubsub.reconnect();
    await vi.advanceTimersByTimeAsync(250);
    expect(await nextChannel()).toBe('room');
  });
});
