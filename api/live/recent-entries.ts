import type { Entry } from '../events.ts';
import { bytesOfEntry } from './entry-bytes.ts';

/** Number of empty slots that never causes a compaction. */
const maxEmptySlots = 32;

/**
 * The newest entries of a channel, in order of position, each in its newest state only. It has every entry that changed
 * above its lowest position.
 * @param start the position below which it has nothing
 */
export function createRecentEntries(start: number) {
  // An entry that is dropped leaves its slot empty (null), so that dropping moves no others.
  let slots: (Entry | null)[] = [];
  let positions: number[] = [];
  let sizes: number[] = [];
  /** Index of the first slot that may have an entry. */
  let first = 0;
  let emptySlots = 0;
  let bytes = 0;
  let lowest = start;

  return {
    /** Appends an entry, whose position must be above all others, and drops its earlier state. */
    push(entry: Entry): void {
      if (entry.revision > 0) dropEarlier(entry.id);
      const size = bytesOfEntry(entry);
      slots.push(entry);
      positions.push(entry.position);
      sizes.push(size);
      bytes += size;
    },
    /** Drops the entry of the lowest position, and returns its memory in bytes; 0 if there is none. */
    dropOldest(): number {
      while (first < slots.length && slots[first] === null) first++;
      const oldest = slots[first];
      if (!oldest) return 0;
      lowest = oldest.position;
      return empty(first);
    },
    /** Drops the entries up to a seq, which were removed from the history, and returns their memory in bytes. */
    dropThrough(seq: number): number {
      const trimmed = slots.flatMap((entry, slot) => (entry && entry.seq <= seq ? [slot] : []));
      // From the last one on, as emptying a slot may move those after it.
      return trimmed.reverse().reduce((sum, slot) => sum + empty(slot), 0);
    },
    /** Returns at most `limit` entries after a position, or null if older ones may be missing. */
    since(position: number, limit: number): readonly Entry[] | null {
      if (position < lowest) return null;
      const found: Entry[] = [];
      for (let n = indexAfter(position); n < slots.length && found.length < limit; n++) {
        const entry = slots[n];
        if (entry) found.push(entry);
      }
      return found;
    },
    /** Approximate memory of all entries, in bytes. */
    bytes: () => bytes,
  };

  /** Changes mostly concern new entries, and are rare: looking for them costs less than an index of all entries. */
  function dropEarlier(id: string): void {
    const slot = slots.findLastIndex((entry) => entry?.id === id);
    if (slot >= 0) empty(slot);
  }

  /** Empties a slot, and returns the memory of its entry in bytes. At least half of many slots stay in use. */
  function empty(slot: number): number {
    const size = sizes[slot] ?? 0;
    slots[slot] = null;
    bytes -= size;
    emptySlots++;
    const isSparse = emptySlots > maxEmptySlots && emptySlots * 2 > slots.length;
    if (isSparse || emptySlots === slots.length) compact();
    return size;
  }

  function compact(): void {
    const isUsed = (_: unknown, slot: number) => slots[slot] !== null;
    positions = positions.filter(isUsed);
    sizes = sizes.filter(isUsed);
    slots = slots.filter((entry) => entry !== null);
    first = 0;
    emptySlots = 0;
  }

  /** Returns the index of the first slot after a position, by binary search. */
  function indexAfter(position: number): number {
    let low = first;
    let high = slots.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((positions[middle] ?? 0) > position) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** See `createRecentEntries`. */
export type RecentEntries = ReturnType<typeof createRecentEntries>;
