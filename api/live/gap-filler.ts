import type { Entry } from '../events.ts';
import type { Logger } from '../logger.ts';
import type { ByteCounter } from './byte-counter.ts';
import { bytesOfEntry } from './entry-bytes.ts';
import type { Backlog } from './live-source.ts';

/** See `createGapFiller`. */
export interface GapFillerOptions {
  channelId: string;
  /** Returns at most `limit` entries after a position, from the database. */
  read(position: number, limit: number): Promise<Backlog<Entry>>;
  /** Milliseconds to wait for missing entries to arrive before the database is read; `defaultGraceMs` if left out. */
  graceMs?: number;
  logger: Logger;
  /** Bounds the entries that are kept beyond gaps, together with those of other feeds. */
  ahead: ByteCounter;
  /** Counts gaps that were filled from the database, for metrics. */
  onGapFilled(): void;
  /** Called with each entry, in order of position. */
  onEntry(entry: Entry): void;
  /** Called after the last position rose, once for several entries. */
  onAdvance(): void;
}

/** Signals that overtake each other arrive within milliseconds; a gap that lasts longer is a lost signal. */
const defaultGraceMs = 5;
/**
 * Maximum number of entries that are kept beyond a gap. Further ones are read from the database, as are those for which
 * the feeds of the node have no memory left.
 */
const maxAhead = 1_000;
/** Maximum number of entries that one read fills a gap with. */
const fillSize = 500;
const retryMs = 500;

/**
 * Puts the entries of a channel in order. They may arrive repeatedly, in any order or not at all; each position is
 * passed on at most once, in increasing order, and a gap is filled from the database. Until `start` is called, entries
 * are only kept.
 */
export function createGapFiller(options: GapFillerOptions) {
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
      const before = last;
      for (const entry of entries) {
        highest = Math.max(highest, entry.position);
        if (isNext(entry)) pass(entry);
        else if (entry.position > last) keep(entry);
      }
      advance(before);
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
      for (const position of ahead.keys()) drop(position);
    },
  };

  function isNext({ position }: Entry): boolean {
    return last >= 0 && position === last + 1 && !hasStopped;
  }

  function keep(entry: Entry): void {
    if (hasStopped || ahead.has(entry.position) || ahead.size >= maxAhead) return;
    if (options.ahead.tryAdd(bytesOfEntry(entry))) ahead.set(entry.position, entry);
  }

  function drop(position: number): void {
    const entry = ahead.get(position);
    if (entry === undefined) return;
    ahead.delete(position);
    options.ahead.remove(bytesOfEntry(entry));
  }

  /** Takes a position that is known to exist. If it does not arrive in time, it is read from the database. */
  function raise(position: number): void {
    highest = Math.max(highest, position);
    advance();
  }

  /** @param before the last position that `onAdvance` was told about */
  function advance(before = last): void {
    if (last < 0 || hasStopped) return;
    for (let next = ahead.get(last + 1); next; next = ahead.get(last + 1)) pass(next);
    if (last > before) onAdvance();
    if (highest > last) scheduleFill(graceMs);
  }

  function pass(entry: Entry): void {
    drop(entry.position);
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
    if (!more) for (const position of aheadBefore) drop(position);
    dropSeen();
    if (last > before) onAdvance();
  }

  function dropSeen(): void {
    for (const position of ahead.keys()) if (position <= last) drop(position);
  }
}
