/** An item with a position in the order of its source. */
export interface Positioned {
  position: number;
}

/** The items of a source after a position. */
export interface Backlog<Item extends Positioned> {
  /** In order of position; of an entry that changed several times, at least the newest state. */
  entries: readonly Item[];
  /** The position up to which `entries` is complete. */
  through: number;
  /** True if there are more items after `through`. */
  more: boolean;
}

/** An ordered stream that members of a channel follow on this node. Its positions increase and are never reused. */
export interface LiveSource<Item extends Positioned> {
  readonly channelId: string;
  /**
   * Entries reach every reader, or its stream ends with an error. Signals are dropped for readers that do not keep up.
   */
  readonly kind: 'entry' | 'signal';
  /** Returns the position up to which the source is complete. */
  last(): number;
  /**
   * Returns the items after a position from memory, or null if they must be read.
   * @param limit maximum number of items; default: all
   * @throws the error that ended the source
   */
  since(position: number, limit?: number): Backlog<Item> | null;
  /**
   * Returns the items after a position from the database. `through` lies above the position if the source has anything
   * above it.
   * @throws DatabaseUnavailableError while the database is unavailable, or the error that ended the source
   */
  read(position: number, limit: number): Promise<Backlog<Item>>;
  /**
   * Returns a number that rises when an item replaces an earlier state of itself: a message was edited or deleted. Text
   * that was made of the source's items before is outdated then.
   */
  version(): number;
  /**
   * Returns the items that no later state has replaced: all of them, as the same array, if none has been. Must be asked
   * right before items are handed to a subscriber, if anything was awaited since they were read.
   * @param version the source's version before the items were read
   * @returns null if the source no longer knows; the items must be read again
   */
  current(items: readonly Item[], version: number): readonly Item[] | null;
  /**
   * Calls the listener each time when there is more, and when the source ends.
   * @returns a function that removes the listener
   */
  listen(listener: () => void): () => void;
}

/**
 * Maximum number of times that items are executed because messages of the source change meanwhile: their payloads may quote
 * such a message as it was. Each time they are read again.
 */
export const maxExecutions = 3;

/** The position and filter of one subscription to a source. */
export interface Reader<Item extends Positioned> {
  /** The position after which this reader gets items. */
  readonly position: number;
  /**
   * Returns the seq of the first item that this reader may read. Items quote earlier ones, which shared payloads hide from the reader. By
   * default it may read all.
   */
  readableFrom?(): number;
  /**
   * Decides how this reader gets an item:
   * - null: the reader gets the shared payload;
   * - `alone`: the selection is executed for this reader alone;
   * - `skip`: the item is left out;
   * - an error: the stream ends with it, after the items before.
   */
  judge(item: Item): 'skip' | 'alone' | Error | null;
}

/**
 * Resolves when a source has something above a position or ends, or the signal aborts.
 * @throws the error that ended the source, if it has ended already
 */
export function changed<Item extends Positioned>(
  source: LiveSource<Item>,
  position: number,
  signal: AbortSignal,
): Promise<void> {
  // The source may have ended while nobody listened: then this throws.
  source.since(position, 0);
  if (source.last() > position || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      unlisten();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const unlisten = source.listen(done);
    signal.addEventListener('abort', done, { once: true });
  });
}
