import { limitFunction } from 'p-limit';
import type { Head } from '../events.ts';
import { type ChannelFeed, createChannelFeed, type FeedOptions, type FeedSource } from './channel-feed.ts';
import { createFeedMemory } from './feed-memory.ts';
import type { Heads } from './heads.ts';

/** The queries of all feeds of a node. */
export interface FeedsSource extends FeedSource {
  /** Returns the heads of many channels in one query, without the channels that do not exist. */
  heads(channelIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** A feed and the number of its readers. */
interface OpenFeed {
  feed: ChannelFeed;
  started: Promise<void>;
  readers: number;
  /** Closes the feed some time after its last reader. */
  lingerTimer: NodeJS.Timeout | undefined;
}

/** Maximum number of reads of entries at once, so that many clients that resume do not flood the database. */
const maxReads = 4;

/** A feed that stays open until `release` is called. */
export interface AcquiredFeed {
  feed: ChannelFeed;
  /** Must be called when the feed is no longer needed; further calls do nothing. Other readers keep it open. */
  release(): void;
}

/** Time in which most clients reconnect after a lost connection, in milliseconds. */
const defaultLingerMs = 10_000;

/**
 * The feeds of a node: one for each channel that has a reader here.
 * @param options.lingerMs milliseconds for which a feed without readers stays open for clients that reconnect
 */
export function createFeeds(
  options: Omit<FeedOptions, 'channelId'> & { source: FeedsSource; heads: Heads; lingerMs?: number },
) {
  const { heads, lingerMs = defaultLingerMs, memory = createFeedMemory(), logger } = options;
  const source = {
    ...options.source,
    entriesAfter: limitFunction(options.source.entriesAfter, { concurrency: maxReads }),
  };
  const openFeeds = new Map<string, OpenFeed>();
  let unlisten: (() => void) | undefined;

  return {
    /**
     * Opens the feed of a channel, or shares the one that is open. It is live when this resolves.
     * @throws the error that kept the feed from starting
     */
    async acquire(channelId: string): Promise<AcquiredFeed> {
      const open = getOrOpen(channelId);
      clearTimeout(open.lingerTimer);
      open.readers++;
      try {
        await open.started;
      } catch (error) {
        open.readers--;
        close(open);
        throw error;
      }
      let isReleased = false;
      return {
        feed: open.feed,
        release: () => {
          if (!isReleased) release(open);
          isReleased = true;
        },
      };
    },
    /** Number of open feeds, for metrics and tests. */
    size: () => openFeeds.size,
    /** The largest lag of all feeds: the number of positions that one knows to exist but has not delivered yet. */
    lag: () => Math.max(0, ...[...openFeeds.values()].map(({ feed }) => feed.lag())),
    start(): void {
      unlisten = heads.listen({
        heads: (published: readonly Head[]) => {
          for (const { channelId, position } of published) openFeeds.get(channelId)?.feed.raise(position);
        },
        check,
      });
    },
    /** Ends every feed, with `FeedRestartedError` for its readers. */
    async stop(): Promise<void> {
      unlisten?.();
      const all = [...openFeeds.values()];
      openFeeds.clear();
      for (const { lingerTimer } of all) clearTimeout(lingerTimer);
      await Promise.all(all.map(({ feed }) => feed.stop()));
    },
  };

  function getOrOpen(channelId: string): OpenFeed {
    const existing = openFeeds.get(channelId);
    if (existing && !existing.feed.failed()) return existing;
    if (existing) close(existing);
    const feed = createChannelFeed({ ...options, source, memory, channelId });
    const open: OpenFeed = { feed, started: feed.start(), readers: 0, lingerTimer: undefined };
    openFeeds.set(channelId, open);
    return open;
  }

  function close(open: OpenFeed): void {
    clearTimeout(open.lingerTimer);
    if (openFeeds.get(open.feed.channelId) === open) openFeeds.delete(open.feed.channelId);
    open.feed.stop().catch((error: unknown) => logger.warn({ error }, 'a feed did not end cleanly'));
  }

  function release(open: OpenFeed): void {
    open.readers--;
    if (open.readers === 0) open.lingerTimer = setTimeout(() => close(open), lingerMs);
  }

  async function check(): Promise<void> {
    const sent = new Map([...openFeeds.values()].map(({ feed }) => [feed, feed.last()] as const));
    if (sent.size === 0) return;
    try {
      const found = await source.heads([...sent.keys()].map(({ channelId }) => channelId));
      for (const [feed, last] of sent) if (last >= 0) feed.verify(found.get(feed.channelId) ?? 0, last);
    } catch (error) {
      logger.warn({ error }, 'heads could not be looked up; the next round tries again');
    }
  }
}

/** The feeds of a node. */
export type Feeds = ReturnType<typeof createFeeds>;
