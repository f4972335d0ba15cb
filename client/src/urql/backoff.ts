const FIRST_MS = 1_000;
const LONGEST_MS = 15_000;

/**
 * How long to wait before a retry: doubling from one second to fifteen, and a random part of that, at least a
 * quarter, so that the clients of a server that restarts do not all come back at once.
 * @param attempt retries made so far, from 0
 * @returns milliseconds
 */
export function backoff(attempt: number): number {
  const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 10));
  return longest * (0.25 + 0.75 * Math.random());
}

/** Resolves after `ms` milliseconds, or sooner when `signal` aborts. Never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    if (signal?.aborted) done();
    else signal?.addEventListener('abort', done);
  });
}
