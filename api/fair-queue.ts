/** Bounds of a fair queue. */
export interface FairQueueBounds {
  /** Maximum number of works that run at the same time. */
  concurrency: number;
  /** Maximum number of works of one key that run at the same time. Defaults to `concurrency`. */
  concurrencyOfKey?: number;
  /** Maximum number of works that wait for their turn. */
  maxWaiting: number;
  /** Maximum number of works of one key that wait for their turn. */
  maxWaitingOfKey: number;
  /** Milliseconds that a work waits for its turn; without it a work waits for as long as it takes. */
  maxWaitMs?: number;
  /** Returns the error for a work that finds its key's part of the queue or all of it full, or has waited for too long. */
  onFull(full: 'key' | 'all'): Error;
}

/**
 * Creates a queue that is fair by key: keys with waiting works take turns, so that a key waits for at most one work of each
 * other key, however many works the others have. Works of one key start in the order of their calls.
 */
export function createFairQueue(bounds: FairQueueBounds) {
  const { concurrency, concurrencyOfKey = concurrency, maxWaiting, maxWaitingOfKey, maxWaitMs, onFull } = bounds;
  /** Waiting works by key. The first key has the next turn, and moves to the end with it. */
  const waiting = new Map<string, (() => void)[]>();
  /** Number of running works by key. */
  const runningOf = new Map<string, number>();
  let size = 0;
  let running = 0;

  return {
    /** Returns the number of works that wait. */
    size: () => size,

    /** Runs a work once it has its turn. @throws the error of `onFull` when too many works wait, or this one for too long */
    async run<Result>(key: string, work: () => Promise<Result> | Result): Promise<Result> {
      if (mayEnter(key)) enter(key);
      else await waitForTurn(key);
      try {
        return await work();
      } finally {
        leave(key);
        startNext();
      }
    },
  };

  function mayEnter(key: string): boolean {
    return running < concurrency && (runningOf.get(key) ?? 0) < concurrencyOfKey;
  }

  function enter(key: string): void {
    running++;
    runningOf.set(key, (runningOf.get(key) ?? 0) + 1);
  }

  function leave(key: string): void {
    running--;
    const left = (runningOf.get(key) ?? 0) - 1;
    if (left > 0) runningOf.set(key, left);
    else runningOf.delete(key);
  }

  async function waitForTurn(key: string): Promise<void> {
    const own = waiting.get(key) ?? [];
    if (own.length >= maxWaitingOfKey) throw onFull('key');
    if (size >= maxWaiting) throw onFull('all');
    size++;
    waiting.set(key, own);
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      own.push(resolve);
      if (maxWaitMs !== undefined) timer = setTimeout(() => withdraw(key, resolve) && reject(onFull('all')), maxWaitMs);
    }).finally(() => clearTimeout(timer));
  }

  /** Removes a work that waits; returns false if its turn has come. */
  function withdraw(key: string, start: () => void): boolean {
    const own = waiting.get(key) ?? [];
    const at = own.indexOf(start);
    if (at < 0) return false;
    own.splice(at, 1);
    size--;
    if (own.length === 0) waiting.delete(key);
    return true;
  }

  /** Starts the next work in a turn of the event loop of its own: other events come in between. */
  function startNext(): void {
    for (const [key, own] of waiting) {
      if (!mayEnter(key)) continue;
      waiting.delete(key);
      const start = own.shift();
      size--;
      if (own.length > 0) waiting.set(key, own);
      enter(key);
      if (start) setImmediate(start);
      return;
    }
  }
}
