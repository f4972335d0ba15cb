import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Entry } from '../../api/events.ts';
import { createFeeds, type FeedsSource } from '../../api/live/feeds.ts';
import { createHeads } from '../../api/live/heads.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const names = Array.from({ length: 20 }, (_, n) => `channel ${n}`);
const entry = (position: number) => ({ id: `m${position}`, position, text: '', attachments: [] }) as unknown as Entry;

/** The feeds of many channels, all at the same head, over a network on which nothing arrives. */
async function startFeeds({ checkMs = 1e6, awayCheckMs = 1e6 } = {}) {
  const database = { head: 1, reading: 0, mostReading: 0 };
  const source: FeedsSource = {
    head: async () => database.head,
    heads: vi.fn(async (ids: readonly string[]) => new Map(ids.map((id) => [id, database.head]))),
    async entriesAfter() {
      database.mostReading = Math.max(database.mostReading, ++database.reading);
      await new Promise(setImmediate);
      database.reading--;
      return { entries: [entry(database.head)], through: database.head, more: false };
    },
  };
  const pubsub = createLossyPubSub(() => 'lose');
  const logger = createTestLogger();
  const heads = createHeads({ pubsub, checkMs, awayCheckMs, logger });
  const onGapFilled = vi.fn();
  const options = { pubsub, heads, source, graceMs: 1, lingerMs: 5, ringBytes: 1e6, logger, onGapFilled };
  const feeds = createFeeds(options);
  feeds.start();
  await heads.start();
  const holds = await Promise.all(names.map((name) => feeds.hold(name)));
  const stop = async () => {
    for (const { release } of holds) release();
    await feeds.stop();
    await heads.stop();
  };
  return { database, source, pubsub, feeds, holds, onGapFilled, stop };
}

describe('the feeds of a node', () => {
  test('look up what they missed in one query for all, once the network is back, not all nodes at the same moment', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    const { database, source, pubsub, holds, onGapFilled, stop } = await startFeeds();
    database.head = 5;
    pubsub.reconnect();
    pubsub.reconnect();
    await vi.advanceTimersByTimeAsync(124);
    expect(source.heads).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(source.heads).toHaveBeenCalledExactlyOnceWith(names);
    await vi.advanceTimersByTimeAsync(1);
    vi.useRealTimers();
    await vi.waitFor(() => expect(holds.map(({ feed }) => feed.last())).toEqual(names.map(() => 5)));
    expect(onGapFilled).toHaveBeenCalledTimes(names.length);
    await stop();
  });

  test.each([
    [0, 875],
    [1, 1_125],
  ])('look up what they missed every so often, an eighth more or less (%d)', async (random, expected) => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    vi.spyOn(Math, 'random').mockReturnValue(random);
    const { source, stop } = await startFeeds({ checkMs: 1, awayCheckMs: 1_000 });
    for (let round = 1; round <= 3; round++) {
      await vi.advanceTimersByTimeAsync(expected - 1);
      expect(source.heads).toHaveBeenCalledTimes(round - 1);
      await vi.advanceTimersByTimeAsync(1);
      expect(source.heads).toHaveBeenCalledTimes(round);
    }
    await stop();
  });

  test('read from the database a few at a time, however many come back together', async () => {
    const { database, holds, stop } = await startFeeds();
    await Promise.all(holds.flatMap(({ feed }) => [0, 1, 2].map((position) => feed.read(position, 25))));
    expect(database.mostReading).toBe(4);
    await stop();
  });

  test('say how far behind the slowest of them is', async () => {
    const { feeds, holds, stop } = await startFeeds();
    expect(feeds.lag()).toBe(0);
    holds[3]?.feed.raise(8);
    expect(feeds.lag()).toBe(7);
    await stop();
  });
});
