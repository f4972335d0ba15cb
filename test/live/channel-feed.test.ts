import { describe, expect, test, vi } from 'vitest';
import type { Entry } from '../../api/events.ts';
import { createMemoryPubSub } from '../../api/infra/pubsub/memory.ts';
import { createChannelFeed, FeedRestartedError, type FeedSource } from '../../api/live/channel-feed.ts';
import { createLiveStream } from '../../api/live/live-stream.ts';
import { createRecentEntries } from '../../api/live/recent-entries.ts';
import { createTestLogger } from '../support/logger.ts';

const entry = (position: number, facts: Partial<Entry> = {}) =>
  ({ id: `m${position}`, position, text: '', attachments: [], ...facts }) as Entry;
const entries = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => entry(from + n));

/** Starts the feed of a channel whose head is `head`. */
async function startFeed(head: number, { recentBytes = 1_000_000 } = {}) {
  const pubsub = createMemoryPubSub({ logger: createTestLogger() });
  const database = { head };
  const source = {
    head: async () => database.head,
    entriesAfter: vi.fn<FeedSource['entriesAfter']>(async (_channelId, position, limit) => {
      const found = entries(position + 1, database.head).slice(0, limit);
      const more = found.length === limit;
      return { entries: found, more, through: more ? (found.at(-1)?.position ?? database.head) : database.head };
    }),
  };
  const logger = createTestLogger();
  const options = { channelId: 'c', pubsub, source, graceMs: 1e6, recentBytes, logger, onGapFilled: () => {} };
  const feed = createChannelFeed(options);
  await feed.start();
  const publish = async (from: number, to: number) => {
    database.head = Math.max(database.head, to);
    await pubsub.publish('channel:c', entries(from, to));
    await vi.waitFor(() => expect(feed.last()).toBe(to));
  };
  return { feed, database, source, publish };
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
    const { feed, publish } = await startFeed(0);
    await publish(1, 1);
    const stream = createLiveStream(feed, { position: 0, judge: () => null }, () => {});
    expect(await stream.next()).toMatchObject({ value: { position: 1 } });
    feed.verify(0, 1);
    await expect(stream.next()).rejects.toBeInstanceOf(FeedRestartedError);
    await feed.stop();
  });
});

describe('recent entries', () => {
  const attachments = [{ filename: 'x'.repeat(200) }] as unknown as Entry['attachments'];

  test.each([
    ['characters of one byte', { text: 'x'.repeat(300) }, 10],
    ['characters of three bytes', { text: '\u4e16'.repeat(300) }, 5],
    ['attachments', { attachments }, 7],
  ])('keep as many as the limit in bytes allows: %s', (_what, facts, expected) => {
    const recent = createRecentEntries(7_000, 0);
    for (let position = 1; position <= 100; position++) recent.push(entry(position, facts));
    expect(recent.since(100 - expected, 100)).toHaveLength(expected);
    expect(recent.since(100 - expected * 2, 100)).toBeNull();
  });
});
