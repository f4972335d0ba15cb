import { createValue, type Readable } from './value.ts';

/** What a cache must know of a `Message`; select at least these fields. */
export interface Entry {
  id: string;
  /** Its place in the channel. */
  seq: number;
  /** Of its latest change: of two states of an entry the higher one is newer. */
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
  /** In order of `seq`, each once, in the newest state that was seen, without holes. */
  readonly entries: readonly E[];
  /** Ask for `before` this cursor to get what is older; null when there is nothing older. */
  readonly olderThan: string | null;
}

/** The part of a channel's history that this client holds: one stretch without holes, up to the newest entry. */
export interface EntryCache<E extends Entry> extends Readable<Timeline<E>> {
  /** Drops everything and begins anew with the newest page. */
  reset(newest: Page<E>): void;
  /** Adds the page before `olderThan`. */
  addOlder(page: Page<E>): void;
  /** Takes what the subscription, `send` or an edit gave, whichever comes first, as often as they come. */
  merge(entry: E): void;
}

/** A cache of one channel's entries, empty at first. */
export function createEntryCache<E extends Entry>(): EntryCache<E> {
  const timeline = createValue<Timeline<E>>({ entries: [], olderThan: null });

  return {
    get: timeline.get,
    subscribe: timeline.subscribe,
    reset: (page) => timeline.set({ entries: insert([], page.nodes), olderThan: cursorOf(page) }),
    addOlder: (page) =>
      timeline.set({ entries: insert(timeline.get().entries, page.nodes), olderThan: cursorOf(page) }),
    merge(entry) {
      const { entries, olderThan } = timeline.get();
      const isBelowTheStretch = olderThan !== null && entry.seq < (entries[0]?.seq ?? 0);
      // What was edited further up comes with its page, in its newest state; here it would stand beside a hole.
      if (isBelowTheStretch) return;
      const known = entries.find(({ id }) => id === entry.id);
      if (known === undefined || known.position < entry.position)
        timeline.set({ entries: insert(entries, [entry]), olderThan });
    },
  };
}

function insert<E extends Entry>(present: readonly E[], added: readonly E[]): readonly E[] {
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
