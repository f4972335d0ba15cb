import { createValue, type Readable } from './value.ts';

/** The fields of a `Message` that the cache needs; your selection must include them. */
export interface Entry {
  id: string;
  /** Number of the entry in its channel. Never changes. */
  seq: number;
  /** Position of the entry's latest change: of two states of one entry, the higher position is newer. */
  position: number;
}

/** A page of `Channel.messages`. */
interface Page<E extends Entry> {
  nodes: readonly E[];
  /** Select `hasNextPage` and `endCursor` too if you load pages in the midst of a history (`around`, `after`). */
  pageInfo: {
    hasPreviousPage: boolean;
    startCursor?: string | null;
    hasNextPage?: boolean;
    endCursor?: string | null;
  };
  /** The channel's position when the page was read. */
  position: number;
}

/** The loaded part of a channel's history. */
export interface Timeline<E extends Entry> {
  /** Ordered by `seq`, each entry once and in its newest known state, without gaps. */
  readonly entries: readonly E[];
  /** Pass this cursor as `before` to load older entries; null if there are none. */
  readonly olderCursor: string | null;
  /** Pass this cursor as `after` to load newer entries; null if the entries end at the newest one. */
  readonly newerCursor: string | null;
}

/** The loaded part of a channel's history: one range without gaps, which usually ends at the newest entry. */
export interface EntryCache<E extends Entry> extends Readable<Timeline<E>> {
  /** Replaces all entries with a page: the newest one, or one around an entry. */
  reset(page: Page<E>): void;
  /** Adds the page before `olderCursor`. */
  addOlder(page: Page<E>): void;
  /** Adds the page after `newerCursor`. */
  addNewer(page: Page<E>): void;
  /**
   * Adds or updates an entry from the subscription, `send` or an edit. Order and repetition do not matter. An entry outside of
   * the loaded range is left out, as it would leave a gap: its page brings it later, in its newest state.
   */
  merge(entry: E): void;
  /** Changes entries in place, for instance the name of their author. */
  update(change: (entry: E) => E): void;
  /** Replaces everything, for instance by stored entries. */
  restore(timeline: Timeline<E>): void;
}

/** Creates the cache of one channel's entries, which is empty at first. */
export function createEntryCache<E extends Entry>(): EntryCache<E> {
  const timeline = createValue<Timeline<E>>({ entries: [], olderCursor: null, newerCursor: null });

  return {
    get: timeline.get,
    subscribe: timeline.subscribe,
    reset: (page) =>
      timeline.set({ entries: upsert([], page.nodes), olderCursor: startOf(page), newerCursor: endOf(page) }),
    addOlder: (page) => add(page, { olderCursor: startOf(page) }),
    addNewer: (page) => add(page, { newerCursor: endOf(page) }),
    merge(entry) {
      const present = timeline.get();
      if (!isInRange(present, entry)) return;
      const entries = upsert(present.entries, [entry]);
      if (entries !== present.entries) timeline.set({ ...present, entries });
    },
    update: (change) => timeline.set({ ...timeline.get(), entries: timeline.get().entries.map(change) }),
    restore: timeline.set,
  };

  function add(page: Page<E>, cursor: Partial<Timeline<E>>): void {
    timeline.set({ ...timeline.get(), ...cursor, entries: upsert(timeline.get().entries, page.nodes) });
  }
}

function isInRange<E extends Entry>({ entries, olderCursor, newerCursor }: Timeline<E>, { seq }: E): boolean {
  const isAfterStart = olderCursor === null || seq >= (entries[0]?.seq ?? 0);
  const isBeforeEnd = newerCursor === null || seq <= (entries.at(-1)?.seq ?? 0);
  return isAfterStart && isBeforeEnd;
}

/** Returns the present entries with newer states; the same array if there is none. */
function upsert<E extends Entry>(present: readonly E[], added: readonly E[]): readonly E[] {
  const [first, ...others] = added;
  // The usual case, without a pass over a long history.
  if (first && others.length === 0 && first.seq > (present.at(-1)?.seq ?? 0)) return [...present, first];
  const byId = new Map(present.map((entry) => [entry.id, entry]));
  const newer = added.filter(({ id, position }) => position > (byId.get(id)?.position ?? -1));
  if (newer.length === 0) return present;
  for (const entry of newer) byId.set(entry.id, entry);
  return [...byId.values()].sort((a, b) => a.seq - b.seq);
}

function startOf({ pageInfo }: Page<Entry>): string | null {
  return pageInfo.hasPreviousPage ? (pageInfo.startCursor ?? null) : null;
}

function endOf({ pageInfo }: Page<Entry>): string | null {
  return pageInfo.hasNextPage ? (pageInfo.endCursor ?? null) : null;
}
