/** Bounds of a fair queue. */
export interface FairQueueBounds {
  /** Maximum number of works that run at the same time. */
  concurrency: number;
  /** Maximum number of works that wait for their turn. */
  maxWaiting: number;
  /** Maximum number of works of one key that wait for their turn. */
  maxWaitingOfKey: number;
  /** Returns the error for a work that finds the queue full: its own key's part of it, or all of it. */
  onFull(full: 'key' | 'all'): Error;
}

/**
 * Creates a queue that is fair by key: keys with waiting works take turns, so that a key waits for at most one work of each
 * other key, however many works the others have. Works of one key start in the order of their calls.
 */
export function createFairQueue({ concurrency, maxWaiting, maxWaitingOfKey, onFull }: FairQueueBounds) {
  /** Waiting works by key. The first key has the next turn, and moves to the end with it. */
  const waiting = new Map<string, (() => void)[]>();
  let size = 0;
  let running = 0;

  return {
    /** Returns the number of works that wait. */
    size: () => size,

    /** Runs a work once it has its turn. @throws the error of `onFull` when too many works wait */
    async run<Result>(key: string, work: () => Promise<Result> | Result): Promise<Result> {
      await acquire(key);
      try {
        return await work();
      } finally {
        release();
      }
    },
  };

  async function acquire(key: string): Promise<void> {
    if (running < concurrency) {
      running++;
      return;
    }
    const own = waiting.get(key) ?? [];
    if (own.length >= maxWaitingOfKey) throw onFull('key');
    if (size >= maxWaiting) throw onFull('all');
    size++;
    waiting.set(key, own);
    await new Promise<void>((resolve) => own.push(resolve));
  }

  /** Passes the slot on to the key whose turn it is, in a turn of the event loop of its own: other events come in between. */
  function release(): void {
    const [next] = waiting;
    if (next === undefined) {
      running--;
      return;
    }
    const [key, own] = next;
    waiting.delete(key);
    const start = own.shift();
    size--;
    if (own.length > 0) waiting.set(key, own);
    if (start) setImmediate(start);
  }
}
