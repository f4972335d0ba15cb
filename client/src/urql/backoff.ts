const initialDelayMs = 1_000;
const maxDelayMs = 15_000;

/**
 * Returns how long to wait before a retry: exponential backoff from 1 s to 15 s, times a random factor between 0.25 and
 * 1, so that the clients of a restarted server do not all reconnect at once.
 * @param attempt number of retries so far, from 0
 * @returns milliseconds
 */
export function backoff(attempt: number): number {
  const delay = Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(attempt, 10));
  return delay * (0.25 + 0.75 * Math.random());
}

/** Resolves after `ms` milliseconds, or as soon as `signal` aborts. Never rejects. */
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
