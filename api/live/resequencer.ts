import type { Entry } from '../events.ts';
import type { Logger } from '../logger.ts';
import type { Backlog } from './live-source.ts';

/** See `createResequencer`. */
export interface ResequencerOptions {
  channelId: string;
  /** Returns at most `limit` entries after a position, from the database. */
  read(position: number, limit: number): Promise<Backlog<Entry>>;
  /** Milliseconds to wait for missing entries to arrive before the database is read; `defaultGraceMs` if left out. */
  graceMs?: number;
  logger: Logger;
  /** Counts gaps that were filled from the database, for metrics. */
  onGapFilled(): void;
  /** Called with each entry, in order of position. */
  onEntry(entry: Entry): void;
  /** Called after the last position rose, once for several entries. */
  onAdvance(): void;
}

/** Signals that overtake each other arrive within milliseconds; a gap that lasts longer is a lost signal. */
const defaultGraceMs = 5;
/** Maximum number of entries that are kept beyond a gap; further ones are read from the database. */
const maxAhead = 1_000;
/** Maximum number of entries that one read fills a gap with. */
const fillSize = 500;
const retryMs = 500;

/**
 * Puts the entries of a channel in order. They may arrive repeatedly, in any order or not at all; each position is
 * passed on at most once, in increasing order, and a gap is filled from the database. Until `start` is called, entries
 * are only kept.
 */
export function createResequencer(options: ResequencerOptions) {
  const { channelId, read, graceMs = defaultGraceMs, logger, onGapFilled, onEntry, onAdvance } = options;
  /** Entries beyond a gap, by position. */
  const ahead = new Map<number, Entry>();
  /** Everything up to here was passed on; -1 before the start. */
  let last = -1;
  /** The highest position that is known to exist. */
  let highest = 0;
  let timer: NodeJS.Timeout | undefined;
  let isFilling = false;
  let hasStopped = false;

  return {
    /** Starts after a position. */
    start(position: number): void {
      last = position;
      dropSeen();
      raise(position);
    },
    /** Takes entries that arrived. Ones that were seen are dropped. */
    accept(entries: readonly Entry[]): void {
      for (const entry of entries) {
        if (entry.position <= last) continue;
        highest = Math.max(highest, entry.position);
        if (ahead.size < maxAhead) ahead.set(entry.position, entry);
      }
      advance();
    },
    raise,
    /** Position of the last entry that was passed on; -1 before the start. */
    last: () => last,
    /** Number of positions that are known to exist and are not passed on yet. */
    lag: () => Math.max(0, highest - last),
    /** Passes nothing on from now on. */
    stop(): void {
      hasStopped = true;
      clearTimeout(timer);
    },
  };

  /** Takes a position that is known to exist. If it does not arrive in time, it is read from the database. */
  function raise(position: number): void {
    highest = Math.max(highest, position);
    advance();
  }

  function advance(): void {
    if (last < 0 || hasStopped) return;
    const before = last;
    for (let next = ahead.get(last + 1); next; next = ahead.get(last + 1)) pass(next);
    if (last > before) onAdvance();
    if (highest > last) scheduleFill(graceMs);
  }

  function pass(entry: Entry): void {
    ahead.delete(entry.position);
    onEntry(entry);
    last = entry.position;
  }

  function scheduleFill(delayMs: number): void {
    if (timer || isFilling || hasStopped) return;
    timer = setTimeout(() => {
      timer = undefined;
      if (highest > last) void fill();
    }, delayMs);
  }

  async function fill(): Promise<void> {
    isFilling = true;
    const before = { highest, ahead: [...ahead.keys()] };
    highest = last;
    try {
      const backlog = await read(last, fillSize);
      onGapFilled();
      merge(backlog, before.ahead);
      if (backlog.more) highest = Math.max(highest, last + 1);
      isFilling = false;
      advance();
    } catch (error) {
      isFilling = false;
      highest = Math.max(highest, before.highest);
      logger.warn({ error, channelId }, 'a gap in a feed could not be filled yet');
      scheduleFill(retryMs);
    }
  }

  /**
   * Passes on entries of the database. Entries that arrived before the read began and lie above its snapshot are not in
   * the database: they are dropped, because nothing may be delivered that is not persisted.
   */
  function merge({ entries, through, more }: Backlog<Entry>, aheadBefore: readonly number[]): void {
    if (hasStopped) return;
    const before = last;
    for (const entry of entries) if (entry.position > last) pass(entry);
    last = Math.max(last, through);
    if (!more) for (const position of aheadBefore) ahead.delete(position);
    dropSeen();
    if (last > before) onAdvance();
  }

  function dropSeen(): void {
    for (const position of ahead.keys()) if (position <= last) ahead.delete(position);
  }
}
