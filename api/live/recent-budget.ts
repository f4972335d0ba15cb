import type { Entry } from '../events.ts';
import type { RecentEntries } from './recent-entries.ts';

/**
 * Bounds the memory of the recent entries of all feeds of a node. Above the bound, the feed that has had no entry for the
 * longest time loses its oldest entries: its readers get them from the database.
 * @param maxBytes maximum memory of all recent entries, in bytes
 * @param onEvicted counts entries that were dropped because of this bound
 */
export function createRecentBudget(maxBytes: number, onEvicted: () => void) {
  /** Feeds that have entries; the first has had no new one for the longest time. */
  const byAge = new Set<RecentEntries>();
  let newest: RecentEntries | undefined;
  let bytes = 0;

  return {
    /**
     * Appends an entry to the recent entries of a feed, and drops old entries above the bounds.
     * @param feedBytes maximum memory of this feed's entries, in bytes
     */
    push(recent: RecentEntries, entry: Entry, feedBytes: number): void {
      const before = recent.bytes();
      recent.push(entry);
      while (recent.bytes() > feedBytes) recent.dropOldest();
      bytes += recent.bytes() - before;
      makeNewest(recent);
      while (bytes > maxBytes) evict();
    },
    /** Drops the entries of a feed up to a seq, which were removed from the history. */
    trim(recent: RecentEntries, seq: number): void {
      const dropped = recent.dropThrough(seq);
      if (byAge.has(recent)) bytes -= dropped;
    },
    /** Gives back the memory of a feed that ends. */
    remove(recent: RecentEntries): void {
      if (byAge.delete(recent)) bytes -= recent.bytes();
      if (newest === recent) newest = undefined;
    },
    /** Approximate memory of all recent entries, in bytes. */
    bytes: () => bytes,
  };

  function makeNewest(recent: RecentEntries): void {
    if (newest === recent) return;
    byAge.delete(recent);
    byAge.add(recent);
    newest = recent;
  }

  function evict(): void {
    const [oldest] = byAge;
    if (oldest === undefined) return;
    bytes -= oldest.dropOldest();
    onEvicted();
    if (oldest.bytes() > 0) return;
    byAge.delete(oldest);
    if (newest === oldest) newest = undefined;
  }
}
