/** Something with a place in the order of its source. */
export interface Positioned {
  position: number;
}

/** What comes after a position. */
export interface Backlog<Item extends Positioned> {
  /** In order of position. */
  entries: readonly Item[];
  /** Complete up to here. */
  through: number;
  /** There is more after `through`. */
  more: boolean;
}

/** An ordered stream that members of a channel follow on this node. */
export interface LiveSource<Item extends Positioned> {
  readonly channelId: string;
  /** Entries reach every reader or end it; signals are dropped for who does not keep up. */
  readonly kind: 'entry' | 'signal';
  /** The position up to which it is complete. */
  last(): number;
  /**
   * What comes after a position and is held here; null where it must be read.
   * @param most how many at most; all, unless it is given
   * @throws whatever ended the source
   */
  since(position: number, most?: number): Backlog<Item> | null;
  /**
   * The same, from further back: it always leads on, or the source ends.
   * @throws DatabaseUnavailableError while that is away, or whatever ended the source
   */
  read(position: number, most: number): Promise<Backlog<Item>>;
  /** Calls whenever there is more, and when the source ends, until the answer is called. */
  listen(listener: () => void): () => void;
}

/** One of those who follow a source. */
export interface Reader<Item extends Positioned> {
  /** Only what is above is for this reader. */
  readonly position: number;
  /**
   * Null: this reader gets what all get; `alone`: what is made of it for this one; `skip`: it is left out; an error: that is how
   * this one's stream ends.
   */
  judge(item: Item): 'skip' | 'alone' | Error | null;
}

/**
 * Resolves when a source has something above a position or ends, or the signal aborts.
 * @throws whatever ended the source, where it has ended already
 */
export function changed<Item extends Positioned>(
  source: LiveSource<Item>,
  position: number,
  signal: AbortSignal,
): Promise<void> {
  // It may have ended while nobody listened.
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
