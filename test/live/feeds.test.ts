import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Entry } from '../../api/events.ts';
import type { FeedSource } from '../../api/live/channel-feed.ts';
import type { HeadSource } from '../../api/live/channel-signals.ts';
import { createFeeds } from '../../api/live/feeds.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';
import { createTestChannelSignals, headOf } from '../support/signals.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const names = Array.from({ length: 20 }, (_, n) => `channel ${n}`);
const entry = (position: number) => ({ id: `m${position}`, position, text: '', attachments: [] }) as unknown as Entry;

/** Starts the feeds of many channels, all at the same head, with a pubsub that loses every message. */
async function startFeeds() {
  const database = { head: 1, reading: 0, maxReading: 0 };
  const source: FeedSource & HeadSource = {
    heads: vi.fn(async (ids: readonly string[]) => new Map(ids.map((id) => [id, headOf(id, database.head)]))),
    async entriesAfter() {
      database.maxReading = Math.max(database.maxReading, ++database.reading);
      await new Promise(setImmediate);
      database.reading--;
      return { entries: [entry(database.head)], through: database.head, more: false };
    },
  };
  const pubsub = createLossyPubSub(() => 'lose');
  const logger = createTestLogger();
  const channels = createTestChannelSignals(pubsub, source);
  const onGapFilled = vi.fn();
  const options = { channels, source, graceMs: 1, lingerMs: 5, recentBytes: 1e6, logger, onGapFilled };
  const feeds = createFeeds(options);
  await channels.start();
  const acquired = await Promise.all(names.map((name) => feeds.acquire(name)));
  vi.mocked(source.heads).mockClear();
  const stop = async () => {
    for (const { release } of acquired) release();
    feeds.stop();
    await channels.stop();
  };
  return { database, source, pubsub, feeds, acquired, onGapFilled, stop };
}

describe('the feeds of a node', () => {
  test('look up missed heads in one query after pubsub reconnects, each node after a random delay', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const { database, source, pubsub, acquired, onGapFilled, stop } = await startFeeds();
    database.head = 5;
    pubsub.reconnect();
    pubsub.reconnect();
    await vi.advanceTimersByTimeAsync(124);
    expect(source.heads).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(source.heads).toHaveBeenCalledExactlyOnceWith(names);
    await vi.advanceTimersByTimeAsync(1);
    vi.useRealTimers();
    await vi.waitFor(() => expect(acquired.map(({ feed }) => feed.last())).toEqual(names.map(() => 5)));
    expect(onGapFilled).toHaveBeenCalledTimes(names.length);
    await stop();
  });

  test('run few reads of the database at a time, however many clients resume together', async () => {
    const { database, acquired, stop } = await startFeeds();
    await Promise.all(acquired.flatMap(({ feed }) => [0, 1, 2].map((position) => feed.read(position, 25))));
    expect(database.maxReading).toBe(4);
    await stop();
  });

  test('report the lag of the slowest feed', async () => {
    const { feeds, acquired, stop } = await startFeeds();
    expect(feeds.lag()).toBe(0);
    acquired[3]?.feed.raise(8);
    expect(feeds.lag()).toBe(7);
    await stop();
  });
});
