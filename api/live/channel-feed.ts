import type { ChannelSignal, Entry } from '../events.ts';
import type { ChannelListener, ChannelSignals } from './channel-signals.ts';
import { createFeedMemory, type FeedMemory } from './feed-memory.ts';
import { createGapFiller, type GapFillerOptions } from './gap-filler.ts';
import type { Backlog } from './live-source.ts';
import { createRecentEntries, type RecentEntries } from './recent-entries.ts';
import { createReplacements } from './replacements.ts';

/** The channel's head in the database is below a delivered position. Subscribers must resume (close code 1013). */
export class FeedRestartedError extends Error {
  override readonly name = 'FeedRestartedError';
}

/** The query of a feed. Its result is one snapshot of the database. */
export interface FeedSource {
  /**
   * Returns the newest state of the entries that changed after a position, in order of position, at most `limit` of
   * them. `through` is the channel's head, or the position of the last entry if there are more.
   */
  entriesAfter(channelId: string, position: number, limit: number): Promise<Backlog<Entry>>;
}

/** Options of `createChannelFeed`. */
export interface FeedOptions extends Pick<GapFillerOptions, 'channelId' | 'graceMs' | 'logger' | 'onGapFilled'> {
  channels: Pick<ChannelSignals, 'follow' | 'unfollow'>;
  source: FeedSource;
  /** Maximum memory of the recent entries of one feed, in bytes; `defaultRecentBytes` if left out. */
  recentBytes?: number;
  /** Memory that the feeds of a node share; a feed without it has its own. */
  memory?: FeedMemory;
}

const defaultRecentBytes = 1_048_576;

/**
 * The ordered stream of one channel on this node. It follows the channel, and from the state that it finds on has every entry
 * that changed, in order of position, each position at most once and none missing.
 */
export function createChannelFeed(options: FeedOptions) {
  const { channelId, channels, source, recentBytes = defaultRecentBytes } = options;
  const { recentEntries, reads, ahead } = options.memory ?? createFeedMemory();
  const listeners = new Set<() => void>();
  const replacements = createReplacements();
  const ownReads = reads.of(replacements);
  /** Made with the first entry: an idle feed keeps little memory. */
  let recent: RecentEntries | undefined;
  /** The channel's head when the feed started. */
  let start = 0;
  const order = createGapFiller({
    ...options,
    read: (position, limit) => source.entriesAfter(channelId, position, limit),
    ahead,
    onEntry: take,
    onAdvance: notify,
  });
  const { last, lag, raise } = order;
  let failure: Error | undefined;
  const listener: ChannelListener = { onSignal, onRestored: ({ position }) => verify(position, last()), last };

  return {
    channelId,
    kind: 'entry' as const,
    /** Starts the feed. It is live and complete from the channel's head on when this resolves. */
    async start(): Promise<void> {
      const { position } = await channels.follow(channelId, listener);
      start = position;
      order.start(position);
    },
    /**
     * Starts the feed at a position that the channel has reached, without a query. It is live at once.
     * @param position of a channel that is followed already
     */
    startAt(position: number): void {
      start = position;
      order.start(position);
      channels.follow(channelId, listener).then(({ position: newest }) => raise(newest), fail);
    },
    /** Takes a signal of the channel, which may come once more from the channel itself. */
    accept: onSignal,
    /** Returns the position up to which the feed is complete; -1 before it has started. */
    last,
    /** Returns the number of positions that are known to exist but have not been delivered yet. */
    lag,
    /** Takes a position that is known to exist. Entries up to it are read from the database if they do not arrive. */
    raise,
    since,
    read,
    version: replacements.version,
    current: replacements.current,
    listen(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Returns true once the feed has ended. */
    failed: () => failure !== undefined,
    /** Ends the feed, with `FeedRestartedError` for everyone that still follows it. */
    stop(): void {
      if (recent) recentEntries.remove(recent);
      fail(failure ?? new FeedRestartedError('the feed was stopped'));
    },
  };

  function onSignal({ head, entries }: ChannelSignal): void {
    if (recent && head.trimmedSeq) recentEntries.trim(recent, head.trimmedSeq);
    order.accept(entries);
    raise(head.position);
  }

  function take(entry: Entry): void {
    if (entry.revision > 0) replacements.add(entry);
    recent ??= createRecentEntries(start);
    recentEntries.push(recent, entry, recentBytes);
  }

  function notify(): void {
    for (const listener of [...listeners]) listener();
  }

  function fail(error: Error): void {
    failure = error;
    order.stop();
    // Its position would make the state of a restored database look old once more to the streams that resume.
    channels.unfollow(channelId, listener);
    notify();
  }

  /**
   * Takes a head that was read from the database. If it is below the position that the feed had before the query, the
   * database was restored to an older state, and the feed ends.
   * @param lastBefore the feed's last position when the query was sent
   */
  function verify(head: number, lastBefore: number): void {
    if (head < lastBefore) fail(new FeedRestartedError(`channel ${channelId} is at ${head}, below ${lastBefore}`));
    else raise(head);
  }

  /**
   * Returns the entries after a position from memory, or null if they must be read.
   * @param limit maximum number of entries; default: all
   * @throws FeedRestartedError once the feed has ended
   */
  function since(position: number, limit = Number.POSITIVE_INFINITY): Backlog<Entry> | null {
    if (failure) throw failure;
    const entries = recent ? recent.since(position, limit) : position < start ? null : [];
    if (entries === null) return null;
    const end = Math.max(last(), position);
    if (entries.length < limit) return { entries, through: end, more: false };
    const through = entries.at(-1)?.position ?? position;
    return { entries, through, more: through < end };
  }

  /**
   * Returns the entries after a position from the database. Equal reads within a second share one query: entries that
   * changed meanwhile are left out, since memory has everything after the end of the result. The feed ends if the
   * channel's head is below a delivered position.
   * @throws FeedRestartedError once the feed has ended
   */
  function read(position: number, limit: number): Promise<Backlog<Entry>> {
    return ownReads.get(`${position} ${limit}`, () => readAndVerify(position, limit));
  }

  async function readAndVerify(position: number, limit: number): Promise<Backlog<Entry>> {
    const lastBefore = last();
    const backlog = await source.entriesAfter(channelId, position, limit);
    if (!backlog.more) verify(backlog.through, lastBefore);
    if (failure) throw failure;
    return backlog;
  }
}

/** See `createChannelFeed`. */
export type ChannelFeed = ReturnType<typeof createChannelFeed>;
