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
  pageInfo: { hasPreviousPage: boolean; startCursor?: string | null };
  /** The channel's position when the page was read. */
  position: number;
}

interface Timeline<E extends Entry> {
  /** Ordered by `seq`, each entry once and in its newest known state, without gaps. */
  readonly entries: readonly E[];
  /** Pass this cursor as `before` to load older entries; null if there are none. */
  readonly olderCursor: string | null;
}

/** The loaded part of a channel's history: one range without gaps that ends at the newest entry. */
export interface EntryCache<E extends Entry> extends Readable<Timeline<E>> {
  /** Replaces all entries with the newest page. */
  reset(newest: Page<E>): void;
  /** Adds the page before `olderCursor`. */
  addOlder(page: Page<E>): void;
  /** Adds or updates an entry from the subscription, `send` or an edit. Order and repetition do not matter. */
  merge(entry: E): void;
}

/** Creates the cache of one channel's entries, which is empty at first. */
export function createEntryCache<E extends Entry>(): EntryCache<E> {
  const timeline = createValue<Timeline<E>>({ entries: [], olderCursor: null });

  return {
    get: timeline.get,
    subscribe: timeline.subscribe,
    reset: (page) => timeline.set({ entries: upsert([], page.nodes), olderCursor: cursorOf(page) }),
    addOlder: (page) =>
      timeline.set({ entries: upsert(timeline.get().entries, page.nodes), olderCursor: cursorOf(page) }),
    merge(entry) {
      const { entries, olderCursor } = timeline.get();
      // An entry before the loaded range would leave a gap. Its page brings it later, in its newest state.
      if (olderCursor !== null && entry.seq < (entries[0]?.seq ?? 0)) return;
      const known = entries.find(({ id }) => id === entry.id);
      if (known === undefined || known.position < entry.position)
        timeline.set({ entries: upsert(entries, [entry]), olderCursor });
    },
  };
}

function upsert<E extends Entry>(present: readonly E[], added: readonly E[]): readonly E[] {
  const byId = new Map(present.map((entry) => [entry.id, entry]));
  for (const entry of added) {
    const known = byId.get(entry.id);
    if (known === undefined || known.position < entry.position) byId.set(entry.id, entry);
  }
  return [...byId.values()].sort((a, b) => a.seq - b.seq);
}

function cursorOf({ pageInfo }: Page<Entry>): string | null {
  return pageInfo.hasPreviousPage ? (pageInfo.startCursor ?? null) : null;
}
