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

/** A feed of a channel that stands at `head`, with a ring for a few entries. */
async function startFeed(head: number, { ringBytes = 1_000_000 } = {}) {
  const pubsub = createMemoryPubSub({ logger: createTestLogger() });
  const database = { head };
  const source = {
    head: async () => database.head,
    entriesAfter: vi.fn<FeedSource['entriesAfter']>(async (_channelId, position, most) => {
      const found = entries(position + 1, database.head).slice(0, most);
      const more = found.length === most;
      return { entries: found, more, through: more ? (found.at(-1)?.position ?? database.head) : database.head };
    }),
  };
  const logger = createTestLogger();
  const options = { channelId: 'c', pubsub, source, graceMs: 1e6, ringBytes, logger, onGapFilled: () => {} };
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
  test('gives what it holds in pages', async () => {
    const { feed, publish } = await startFeed(5);
    await publish(6, 10);
    const page = feed.since(6, 2);
    expect(page).toMatchObject({ entries: [{ position: 7 }, { position: 8 }], through: 8, more: true });
    expect(feed.since(8, 2)).toMatchObject({ through: 10, more: false });
    expect(feed.since(8)?.entries).toHaveLength(2);
    expect(feed.since(4)).toBeNull();
    await feed.stop();
  });

  test('asks the database once for all who want the same at the same time', async () => {
    const { feed, source } = await startFeed(500);
    const answers = await Promise.all(Array.from({ length: 50 }, () => feed.read(0, 25)));
    expect(source.entriesAfter).toHaveBeenCalledOnce();
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatchObject({ through: 25, more: true });
    await feed.stop();
  });

  test('ends where the database is found below what was delivered, as a restored one is', async () => {
    const { feed, database } = await startFeed(20, { ringBytes: 0 });
    database.head = 3;
    await expect(feed.read(10, 25)).rejects.toBeInstanceOf(FeedRestartedError);
    expect(feed.failed()).toBe(true);
    expect(() => feed.since(20)).toThrow(FeedRestartedError);
    await feed.stop();
  });

  test('ends whoever reads it by an iterator, also one that was busy when it ended', async () => {
    const { feed, publish } = await startFeed(0);
    await publish(1, 1);
    const stream = createLiveStream(feed, { position: 0, judge: () => null }, () => {});
    expect(await stream.next()).toMatchObject({ value: { position: 1 } });
    feed.verify(0, 1);
    await expect(stream.next()).rejects.toBeInstanceOf(FeedRestartedError);
    await feed.stop();
  });
});

describe('a ring', () => {
  const attachments = [{ filename: 'x'.repeat(200) }] as unknown as Entry['attachments'];

  test.each([
    ['letters of one byte', { text: 'x'.repeat(300) }, 10],
    ['letters of three', { text: '\u4e16'.repeat(300) }, 5],
    ['files', { attachments }, 7],
  ])('holds as much as its bound allows of %s', (_what, facts, expected) => {
    const ring = createRecentEntries(7_000, 0);
    for (let position = 1; position <= 100; position++) ring.push(entry(position, facts));
    const held = ring.since(100 - expected, 100)?.length;
    expect(held).toBe(expected);
    expect(ring.since(100 - expected * 2, 100)).toBeNull();
  });
});
