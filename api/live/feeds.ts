import { limitFunction } from 'p-limit';
import type { Head } from '../events.ts';
import { type ChannelFeed, createChannelFeed, type FeedOptions, type FeedSource } from './channel-feed.ts';
import type { Heads } from './heads.ts';

/** The database, as the feeds of a node read it. */
export interface FeedsSource extends FeedSource {
  /** The heads of many channels in one query; those that do not exist are left out. */
  heads(channelIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

interface Open {
  feed: ChannelFeed;
  started: Promise<void>;
  readers: number;
  linger: NodeJS.Timeout | undefined;
}

/** How many reads of entries run at once: when many come back together, the database has other work as well. */
const maxReads = 4;

/** A reader's hold on a feed. */
export interface FeedHold {
  feed: ChannelFeed;
  /** The feed goes on for others, or ends after a while. */
  release(): void;
}

/**
 * The feeds of this node: one a channel that somebody here reads.
 * @param options.lingerMs how long a feed without readers is kept for those who come back, in milliseconds
 */
export function createFeeds(
  options: Omit<FeedOptions, 'channelId'> & { source: FeedsSource; heads: Heads; lingerMs: number },
) {
  const { heads, lingerMs, logger } = options;
  const source = {
    ...options.source,
    entriesAfter: limitFunction(options.source.entriesAfter, { concurrency: maxReads }),
  };
  const opened = new Map<string, Open>();

  function open(channelId: string): Open {
    const present = opened.get(channelId);
    if (present && !present.feed.failed()) return present;
    if (present) close(present);
    const feed = createChannelFeed({ ...options, source, channelId });
    const created: Open = { feed, started: feed.start(), readers: 0, linger: undefined };
    opened.set(channelId, created);
    return created;
  }

  function close(one: Open): void {
    clearTimeout(one.linger);
    if (opened.get(one.feed.channelId) === one) opened.delete(one.feed.channelId);
    one.feed.stop().catch((error: unknown) => logger.warn({ error }, 'a feed did not end cleanly'));
  }

  function release(one: Open): void {
    one.readers--;
    if (one.readers === 0) one.linger = setTimeout(() => close(one), lingerMs);
  }

  async function check(): Promise<void> {
    const sent = new Map([...opened.values()].map(({ feed }) => [feed, feed.last()] as const));
    if (sent.size === 0) return;
    try {
      const found = await source.heads([...sent.keys()].map(({ channelId }) => channelId));
      for (const [feed, last] of sent) if (last >= 0) feed.verify(found.get(feed.channelId) ?? 0, last);
    } catch (error) {
      logger.warn({ error }, 'heads could not be looked up; the next round tries again');
    }
  }

  let unlisten: (() => void) | undefined;

  return {
    /**
     * Holds the feed of a channel, which is live when this resolves. Every hold is to be released.
     * @throws whatever kept the feed from beginning
     */
    async hold(channelId: string): Promise<FeedHold> {
      const one = open(channelId);
      clearTimeout(one.linger);
      one.readers++;
      try {
        await one.started;
      } catch (error) {
        one.readers--;
        close(one);
        throw error;
      }
      let held = true;
      return {
        feed: one.feed,
        release: () => {
          if (held) release(one);
          held = false;
        },
      };
    },
    /** How many feeds there are, for metrics and tests. */
    size: () => opened.size,
    /** The most positions that one of them has heard of and does not hold yet. */
    lag: () => Math.max(0, ...[...opened.values()].map(({ feed }) => feed.lag())),
    start(): void {
      unlisten = heads.listen({
        heads: (published: readonly Head[]) => {
          for (const { channelId, position } of published) opened.get(channelId)?.feed.raise(position);
        },
        check,
      });
    },
    async stop(): Promise<void> {
      unlisten?.();
      const all = [...opened.values()];
      opened.clear();
      for (const { linger } of all) clearTimeout(linger);
      await Promise.all(all.map(({ feed }) => feed.stop()));
    },
  };
}

export type Feeds = ReturnType<typeof createFeeds>;
