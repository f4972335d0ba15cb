import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Viewer } from '../../api/domain/auth.ts';
import { type ChannelList, createChannelList } from '../../api/domain/channel-list.ts';
import type { ListEvent } from '../../api/domain/list-rounds.ts';
import { seenTopic } from '../../api/events.ts';
import type { Database } from '../../api/infra/database/database.ts';
import { createHeads, type Heads } from '../../api/live/heads.ts';
import type { Stream } from '../../api/live/stream.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';
import { headOf } from '../support/signals.ts';

const viewer = { userId: 'ada' } as Viewer;
const checkMs = 15_000;

/** Version of each channel that the viewer is a member of, as in the database. */
const stored = new Map<string, number>();
const logger = createTestLogger();
let pubsub: ReturnType<typeof createLossyPubSub>;
let heads: Heads;
let list: ChannelList;
let stream: Stream<ListEvent>;

const read = (async (_reader: string, _statement: unknown, { userIds }: { userIds: string[] }) =>
  userIds.flatMap((userId) =>
    [...stored].map(([channelId, version]) => ({ userId, channelId, version })),
  )) as unknown as Database['read'];

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
  stored.clear();
  stored.set('room', 1);
  pubsub = createLossyPubSub(() => 'deliver');
  heads = createHeads({ pubsub, checkMs: 1e6, awayCheckMs: 1e6, logger });
  list = createChannelList({ database: { read }, pubsub, heads, logger });
  list.start();
  await heads.start();
  stream = await list.follow(viewer);
});
afterEach(async () => {
  await stream.return();
  expect(list.size()).toBe(0);
  await list.stop();
  await heads.stop();
  vi.useRealTimers();
});

/** Publishes the head of a channel, as a bridge does. */
function publish(channelId: string, version: number, userIds: readonly string[] = []): Promise<void> {
  return pubsub.publish('heads', [{ ...headOf(channelId, version), userIds }]);
}

/** Returns the next changed channel, whose round has then ended. */
async function nextChannel(): Promise<string | undefined> {
  const { value } = await stream.next();
  await value?.round.settled();
  return value?.channelId;
}

describe('a list of channels', () => {
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
    await pubsub.publish(seenTopic('ada'), 'room');
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
    ['periodically', (9 / 8) * checkMs, () => {}],
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
