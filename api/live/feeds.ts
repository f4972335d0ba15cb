import { limitFunction } from 'p-limit';
import { type ChannelFeed, createChannelFeed, type FeedOptions, type FeedSource } from './channel-feed.ts';
import { createFeedMemory } from './feed-memory.ts';

/** A feed and the number of its readers. */
interface OpenFeed {
  feed: ChannelFeed;
  /** Null once it has started. */
  starting: Promise<void> | null;
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
    acquire: async (channelId: string): Promise<AcquiredFeed> => take(presentFeed(channelId) ?? open(channelId)),
    /**
     * Opens the feed of a channel that is followed already at a position that the channel has reached, or shares the one that is
     * open.
     * @returns the feed at once, unless it is open and starts at the moment
     */
    openFrom: (channelId: string, position: number): AcquiredFeed | Promise<AcquiredFeed> =>
      take(presentFeed(channelId) ?? open(channelId, position)),
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

  function presentFeed(channelId: string): OpenFeed | null {
    const present = openFeeds.get(channelId);
    if (present && !present.feed.failed()) return present;
    if (present) close(present);
    return null;
  }

  function open(channelId: string, position: number | null = null): OpenFeed {
    const feed = createChannelFeed({ ...options, source, memory, channelId });
    const opened: OpenFeed = { feed, starting: null, readers: 0, lingerTimer: undefined };
    openFeeds.set(channelId, opened);
    if (position !== null) feed.startAt(position);
    else {
      opened.starting = feed.start().then(() => {
        opened.starting = null;
      });
    }
    return opened;
  }

  function take(opened: OpenFeed): AcquiredFeed | Promise<AcquiredFeed> {
    clearTimeout(opened.lingerTimer);
    opened.readers++;
    if (opened.starting === null) return acquired(opened);
    return opened.starting.then(
      () => acquired(opened),
      (error: unknown) => {
        opened.readers--;
        close(opened);
        throw error;
      },
    );
  }

  function acquired(opened: OpenFeed): AcquiredFeed {
    let isReleased = false;
    return {
      feed: opened.feed,
      release() {
        if (!isReleased) release(opened);
        isReleased = true;
      },
    };
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
