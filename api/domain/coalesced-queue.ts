import { ignore } from '../ignore.ts';

/**
 * Creates a queue of keys for one reader, in which a key waits once, however often it is added.
 * @param windowMs milliseconds that must pass between two deliveries of the same key
 */
export function createCoalescedQueue(windowMs: number) {
  const waiting = new Set<string>();
  const deliveredAt = new Map<string, number>();
  let wake: () => void = ignore;

  return {
    /** Adds a key, which is delivered at once unless it was delivered less than `windowMs` ago. */
    add(key: string): void {
      waiting.add(key);
      wake();
    },
    /** Removes the keys that wait. */
    clear: () => waiting.clear(),
    items,
  };

  /** Yields the keys as they are due, until the signal is aborted. */
  async function* items(signal: AbortSignal): AsyncGenerator<string, void> {
    signal.addEventListener('abort', () => wake(), { once: true });
    while (!signal.aborted) {
      const due = [...waiting].find((key) => dueInMs(key) <= 0);
      if (due === undefined) await pause();
      else {
        waiting.delete(due);
        deliveredAt.set(due, performance.now());
        yield due;
      }
    }
  }

  function dueInMs(key: string): number {
    return (deliveredAt.get(key) ?? Number.NEGATIVE_INFINITY) + windowMs - performance.now();
  }

  /** Resolves when a key is added or due, or the signal is aborted. */
  async function pause(): Promise<void> {
    for (const key of deliveredAt.keys()) if (dueInMs(key) <= 0) deliveredAt.delete(key);
    const soonestMs = Math.min(...[...waiting].map(dueInMs));
    await new Promise<void>((resolve) => {
      const timer = Number.isFinite(soonestMs) ? setTimeout(resolve, soonestMs) : undefined;
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A queue of one reader, made by `createCoalescedQueue`. */
export type CoalescedQueue = ReturnType<typeof createCoalescedQueue>;
