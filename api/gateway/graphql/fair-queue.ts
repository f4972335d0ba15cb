import { RateLimitedError } from '../../errors.ts';

/** Runs work in turns: at most some at once, and the next from another key than the last. */
export interface FairQueue {
  /** Runs work when it is the turn of its key. @throws RateLimitedError when too much of this key waits already */
  run<Result>(key: string, work: () => Promise<Result> | Result): Promise<Result>;
}

/** Maximum amount of work of one key that waits. */
const maxWaiting = 100;
const retryAfterMs = 1_000;

/** @param maxRunning amount of work that runs at once */
export function createFairQueue(maxRunning: number): FairQueue {
  const waiting = new Map<string, (() => void)[]>();
  let running = 0;

  return {
    async run(key, work) {
      if (running < maxRunning) running++;
      else await waitFor(key);
      try {
        return await work();
      } finally {
        handOver();
      }
    },
  };

  function waitFor(key: string): Promise<void> {
    const line = waiting.get(key) ?? [];
    if (line.length >= maxWaiting)
      throw new RateLimitedError('Too many large queries wait: try again when they have ended.', retryAfterMs);
    waiting.set(key, line);
    return new Promise((resolve) => line.push(resolve));
  }

  /** Starts the next work in a turn of its own, so that other events are handled in between. */
  function handOver(): void {
    const [entry] = waiting;
    if (entry === undefined) return void running--;
    const [key, line] = entry;
    const next = line.shift();
    waiting.delete(key);
    if (line.length > 0) waiting.set(key, line);
    if (next) setImmediate(next);
  }
}
