import { describe, expect, test, vi } from 'vitest';
import type { Entry } from '../../api/events.ts';
import { createMemoryPubSub } from '../../api/infra/pubsub/memory.ts';
import { createChannelFeed, FeedRestartedError, type FeedSource } from '../../api/live/channel-feed.ts';
import { createFeedMemory } from '../../api/live/feed-memory.ts';
import type { Backlog } from '../../api/live/live-source.ts';
import { createLiveStream } from '../../api/live/live-stream.ts';
import { createTestLogger } from '../support/logger.ts';
import { createTestChannelSignals, headOf, signalOf } from '../support/signals.ts';

const entry = (position: number, facts: Partial<Entry> = {}) =>
  ({ id: `m${position}`, position, seq: position, text: '', attachments: [], ...facts }) as Entry;
const entries = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => entry(from + n));
const positionsOf = (backlog: Backlog<Entry> | null) => backlog?.entries.map(({ position }) => position);

/** Starts the feed of a channel whose head is `head`. */
async function startFeed(head: number, { recentBytes = 1_000_000, memory = createFeedMemory() } = {}) {
  const pubsub = createMemoryPubSub({ logger: createTestLogger() });
  const database = { head };
  const source = {
    entriesAfter: vi.fn<FeedSource['entriesAfter']>(async (_channelId, position, limit) => {
      const found = entries(position + 1, database.head).slice(0, limit);
      const more = found.length === limit;
      return { entries: found, more, through: more ? (found.at(-1)?.position ?? database.head) : database.head };
    }),
  };
  const logger = createTestLogger();
  const heads = async () => new Map([['c', headOf('c', database.head)]]);
  const channels = createTestChannelSignals(pubsub, { heads });
  const options = {
    channelId: 'c',
    channels,
    source,
    graceMs: 1e6,
    recentBytes,
    memory,
    logger,
    onGapFilled: () => {},
  };
  const feed = createChannelFeed(options);
  await feed.start();
  /** Changes entries, each at the next position. */
  const change = async (...ids: string[]) => {
    const changed = ids.map((id, n) => entry(database.head + 1 + n, { id, revision: 1 }));
    database.head += ids.length;
    await pubsub.publish('channel:c', signalOf('c', changed));
    await vi.waitFor(() => expect(feed.last()).toBe(database.head));
  };
  const publish = async (from: number, to: number, last = to) => {
    database.head = Math.max(database.head, to);
    await pubsub.publish('channel:c', signalOf('c', entries(from, to)));
    await vi.waitFor(() => expect(feed.last()).toBe(last));
  };
  return { feed, database, source, publish, change, channels, check: channels.check };
}

describe('a feed', () => {
  test('returns the entries in memory in pages', async () => {
    const { feed, publish } = await startFeed(5);
    await publish(6, 10);
    const page = feed.since(6, 2);
    expect(page).toMatchObject({ entries: [{ position: 7 }, { position: 8 }], through: 8, more: true });
    expect(feed.since(8, 2)).toMatchObject({ through: 10, more: false });
    expect(feed.since(8)?.entries).toHaveLength(2);
    expect(feed.since(4)).toBeNull();
    await feed.stop();
  });

  test('reads the database once for equal reads at the same time', async () => {
    const { feed, source } = await startFeed(500);
    const results = await Promise.all(Array.from({ length: 50 }, () => feed.read(0, 25)));
    expect(source.entriesAfter).toHaveBeenCalledOnce();
    expect(new Set(results).size).toBe(1);
    expect(results[0]).toMatchObject({ through: 25, more: true });
    await feed.stop();
  });

  test('ends if the head in the database is below a delivered position, as after a restore', async () => {
    const { feed, database } = await startFeed(20, { recentBytes: 0 });
    database.head = 3;
    await expect(feed.read(10, 25)).rejects.toBeInstanceOf(FeedRestartedError);
    expect(feed.failed()).toBe(true);
    expect(() => feed.since(20)).toThrow(FeedRestartedError);
    await feed.stop();
  });

  test('ends every iterator over it, also one that was not waiting when the feed ended', async () => {
    const { feed, database, publish, check } = await startFeed(0);
    await publish(1, 1);
    const stream = createLiveStream(feed, { position: 0, judge: () => null }, () => {});
    expect(await stream.next()).toMatchObject({ value: { position: 1 } });
    database.head = 0;
    await check();
    await expect(stream.next()).rejects.toBeInstanceOf(FeedRestartedError);
    await feed.stop();
  });

  test('drops the entries that were removed from the history, and gives their memory back', async () => {
    const memory = createFeedMemory();
    const { feed, publish } = await startFeed(0, { memory });
    await publish(1, 4);
    const before = memory.recentEntries.bytes();
    feed.accept({ head: headOf('c', 4, { trimmedSeq: 2 }), entries: [] });
    expect([positionsOf(feed.since(0)), memory.recentEntries.bytes()]).toEqual([[3, 4], before / 2]);
    await feed.stop();
    expect(memory.recentEntries.bytes()).toBe(0);
  });

  test('that has ended lets others follow the restored channel', async () => {
    const { feed, database, publish, channels, check } = await startFeed(0);
    await publish(1, 2);
    database.head = 1;
    await check();
    expect(feed.failed()).toBe(true);
    const later = { onSignal: vi.fn(), onRestored: vi.fn() };
    expect(await channels.follow('c', later)).toMatchObject({ position: 1 });
    await check();
    expect(later.onRestored).not.toHaveBeenCalled();
    expect(channels.size()).toBe(1);
    await feed.stop();
  });

  test('leaves out the states that were replaced, from memory and from reads that were made before', async () => {
    const { feed, source, publish, change } = await startFeed(5);
    await publish(6, 7);
    const version = feed.version();
    const before = await feed.read(0, 25);
    await change('m6', 'm2');
    expect(positionsOf(feed.since(5))).toEqual([7, 8, 9]);
    expect(positionsOf(await feed.read(0, 25))).toEqual([1, 3, 4, 5, 7]);
    expect(source.entriesAfter).toHaveBeenCalledOnce();
    expect(feed.current(before.entries, version)?.map(({ position }) => position)).toEqual([1, 3, 4, 5, 7]);
    await feed.stop();
  });

  test('leaves out states that were replaced while the database was read', async () => {
    const { feed, source, change } = await startFeed(5);
    let finish = () => {};
    source.entriesAfter.mockImplementationOnce(async () => {
      await new Promise<void>((resolve) => (finish = resolve));
      return { entries: entries(1, 5), through: 5, more: false };
    });
    const reading = feed.read(0, 25);
    await change('m3');
    finish();
    expect(await reading).toMatchObject({ through: 5 });
    expect(positionsOf(await reading)).toEqual([1, 2, 4, 5]);
    await feed.stop();
  });

  test('reads entries again after more changes than it remembers', async () => {
    const { feed, source, change } = await startFeed(5);
    const version = feed.version();
    const { entries: read } = await feed.read(0, 25);
    await change(...Array.from({ length: 257 }, (_, n) => `m${1 + (n % 2)}`));
    expect(feed.current(read, version)).toBeNull();
    await feed.read(0, 25);
    expect(source.entriesAfter).toHaveBeenCalledTimes(2);
    expect(positionsOf(feed.since(5))).toEqual([261, 262]);
    await feed.stop();
  });

  test.each(['in order', 'out of order'])(
    'shares one bound with other feeds for its recent entries: %s',
    async (order) => {
      const memory = createFeedMemory({ recentBytes: 0 });
      const { feed, publish } = await startFeed(5, { memory });
      if (order === 'out of order') await publish(7, 7, 5);
      await publish(6, 7);
      expect([memory.recentEntries.bytes(), memory.ahead.bytes()]).toEqual([0, 0]);
      expect(feed.since(6)).toBeNull();
      await feed.stop();
    },
  );

  test('yields no states that were replaced while the reader of an iterator was busy', async () => {
    const { feed, publish, change } = await startFeed(0);
    await publish(1, 3);
    const stream = createLiveStream(feed, { position: 0, judge: () => null }, () => {});
    expect(await stream.next()).toMatchObject({ value: { position: 1 } });
    await change('m2');
    expect(await stream.next()).toMatchObject({ value: { position: 3 } });
    expect(await stream.next()).toMatchObject({ value: { position: 4, id: 'm2' } });
    await stream.return();
    await feed.stop();
  });
});
