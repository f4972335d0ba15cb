import { LRUCache } from 'lru-cache';
import type { Entry } from '../events.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import type { Backlog } from './live-source.ts';
import { createRecentEntries } from './recent-entries.ts';

/** The feed began anew, below what it had delivered: its readers are to come back and resume (close code 1013). */
export class FeedRestartedError extends Error {
  override readonly name = 'FeedRestartedError';
}

/** The database, as a feed reads it: each answer is one snapshot. */
export interface FeedSource {
  /** The channel's head; 0 when there is no such channel. */
  head(channelId: string): Promise<number>;
  /**
   * The newest states of what changed after a position, in order of position, so many of them at most; complete up to
   * `through`, which is the channel's head or the last of them where there are more.
   */
  entriesAfter(channelId: string, position: number, most: number): Promise<Backlog<Entry>>;
}

/** What a feed is made of. */
export interface FeedOptions {
  channelId: string;
  pubsub: PubSub;
  source: FeedSource;
  /** How long a gap may close by itself before the database is asked, in milliseconds. */
  graceMs: number;
  ringBytes: number;
  logger: Logger;
  /** Counts the gaps that were filled from the database. */
  onGapFilled(): void;
}

/** Entries beyond a gap that are kept until it closes; further ones come from the database. */
const maxAhead = 1_000;
const retryMs = 500;
/** How many entries a gap is filled with at a time. */
const fillSize = 500;
/** Answers of the database that are kept for those who come back together. */
const keptReads = { max: 4, ttl: 1_000, ttlAutopurge: true };

/**
 * The ordered stream of one channel on this node. It subscribes first, then reads the head, and from there on holds every
 * entry that changed, in order of position: what it has seen is dropped, a gap is filled from the database.
 */
export function createChannelFeed(options: FeedOptions) {
  const { channelId, pubsub, source, graceMs, logger } = options;
  const ahead = new Map<number, Entry>();
  const listeners = new Set<() => void>();
  const reads = new LRUCache<string, Promise<Backlog<Entry>>>(keptReads);
  let ring = createRecentEntries(options.ringBytes, 0);
  /** Complete up to here; -1 until the feed has begun. */
  let last = -1;
  /** The highest head heard of. */
  let wanted = 0;
  let failure: Error | undefined;
  let timer: NodeJS.Timeout | undefined;
  let filling = false;

  function accept(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.position <= last) continue;
      wanted = Math.max(wanted, entry.position);
      if (ahead.size < maxAhead) ahead.set(entry.position, entry);
    }
    advance();
  }

  function advance(): void {
    if (last < 0 || failure) return;
    const before = last;
    for (let next = ahead.get(last + 1); next; next = ahead.get(last + 1)) push(next);
    if (last > before) wake();
    if (wanted > last) scheduleFill(graceMs);
  }

  function push(entry: Entry): void {
    ahead.delete(entry.position);
    ring.push(entry);
    last = entry.position;
  }

  function scheduleFill(delay: number): void {
    if (timer || filling) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (wanted > last && !failure) void fill();
    }, delay);
  }

  async function fill(): Promise<void> {
    filling = true;
    const before = { wanted, ahead: [...ahead.keys()] };
    wanted = last;
    try {
      const backlog = await source.entriesAfter(channelId, last, fillSize);
      options.onGapFilled();
      takeIn(backlog, before.ahead);
      if (backlog.more) wanted = Math.max(wanted, last + 1);
      filling = false;
      advance();
    } catch (error) {
      filling = false;
      wanted = Math.max(wanted, before.wanted);
      logger.warn({ error, channelId }, 'a gap in a feed could not be filled yet');
      scheduleFill(retryMs);
    }
  }

  /**
   * What was heard of before the database was asked, and lies above what it answered, is not in the database: it is
   * forgotten, since nothing may be delivered that is not persisted.
   */
  function takeIn({ entries, through, more }: Backlog<Entry>, heardBefore: readonly number[]): void {
    if (failure) return;
    const before = last;
    for (const entry of entries) if (entry.position > last) push(entry);
    last = Math.max(last, through);
    if (!more) for (const position of heardBefore) ahead.delete(position);
    for (const position of ahead.keys()) if (position <= last) ahead.delete(position);
    if (last > before) wake();
  }

  function wake(): void {
    for (const listener of [...listeners]) listener();
  }

  function fail(error: Error): void {
    failure = error;
    wake();
  }

  function raise(position: number): void {
    wanted = Math.max(wanted, position);
    advance();
  }

  function verify(head: number, sent: number): void {
    if (head < sent) fail(new FeedRestartedError(`channel ${channelId} stands at ${head}, below ${sent}`));
    else raise(head);
  }

  async function read(position: number, most: number): Promise<Backlog<Entry>> {
    const sent = last;
    const backlog = await source.entriesAfter(channelId, position, most);
    if (!backlog.more) verify(backlog.through, sent);
    if (failure) throw failure;
    return backlog;
  }

  let unsubscribe = async () => {};

  return {
    channelId,
    kind: 'entry' as const,
    /** Live and complete from here on, when this resolves. */
    async start(): Promise<void> {
      unsubscribe = await pubsub.subscribe(`channel:${channelId}`, accept);
      const head = await source.head(channelId);
      ring = createRecentEntries(options.ringBytes, head);
      last = head;
      wanted = Math.max(wanted, head);
      for (const position of ahead.keys()) if (position <= head) ahead.delete(position);
      advance();
    },
    /** The position up to which the feed is complete. */
    last: () => last,
    /** How many positions it has heard of that it does not hold yet. */
    lag: () => Math.max(0, wanted - last),
    /** A head that was published: it only raises. */
    raise,
    /**
     * A head that was read from the database by a query sent when the feed's last position was `sent`: below that, the
     * database is not the one that was, and the feed ends.
     */
    verify,
    /**
     * The entries above a position that are held here; null where the database must be asked.
     * @param most how many at most
     * @throws FeedRestartedError once the feed has ended
     */
    since(position: number, most = Number.POSITIVE_INFINITY): Backlog<Entry> | null {
      if (failure) throw failure;
      const entries = ring.since(position, most);
      if (entries === null) return null;
      const through = Math.max(last, position);
      if (entries.length < most) return { entries, through, more: false };
      const cut = entries.at(-1)?.position ?? position;
      return { entries, through: cut, more: cut < through };
    },
    /**
     * The same from the database, asked once for all who want it within a second: what changed meanwhile is in the ring,
     * which reaches back to where the answer ends. A channel that stands below what was delivered ends the feed.
     */
    read(position: number, most: number): Promise<Backlog<Entry>> {
      const key = `${position} ${most}`;
      const present = reads.get(key);
      if (present) return present;
      const answer = read(position, most);
      reads.set(key, answer);
      answer.catch(() => reads.delete(key));
      return answer;
    },
    listen(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** True once it has ended. */
    failed: () => failure !== undefined,
    async stop(): Promise<void> {
      clearTimeout(timer);
      reads.clear();
      fail(failure ?? new FeedRestartedError('the feed was stopped'));
      await unsubscribe();
    },
  };
}

export type ChannelFeed = ReturnType<typeof createChannelFeed>;
