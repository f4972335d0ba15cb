import { limitFunction } from 'p-limit';
import { type ChannelFeed, createChannelFeed, type FeedOptions, type FeedSource } from './channel-feed.ts';
import { createFeedMemory } from './feed-memory.ts';

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
export function createFeeds(options: Omit<FeedOptions, 'channelId'> & { lingerMs?: number }) {
  const { lingerMs = defaultLingerMs, memory = createFeedMemory() } = options;
  const source: FeedSource = {
    entriesAfter: limitFunction(options.source.entriesAfter, { concurrency: maxReads }),
  };
  const openFeeds = new Map<string, OpenFeed>();

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
    /** Ends every feed, with `FeedRestartedError` for its readers. */
    stop(): void {
      const all = [...openFeeds.values()];
      openFeeds.clear();
      for (const { lingerTimer } of all) clearTimeout(lingerTimer);
      for (const { feed } of all) feed.stop();
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
    open.feed.stop();
  }

  function release(open: OpenFeed): void {
    open.readers--;
    if (open.readers === 0) open.lingerTimer = setTimeout(() => close(open), lingerMs);
  }
}

/** The feeds of a node. */
export type Feeds = ReturnType<typeof createFeeds>;
