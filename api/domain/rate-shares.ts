import { LRUCache } from 'lru-cache';
import { maxEntries } from '../lru-size.ts';

/** Points that this process may give to one key before it asks the shared window again. */
interface Share {
  left: number;
  /** Points given in advance, which the shared window has not counted yet. */
  uncounted: number;
  /** Time at which the share ends, and with it a refusal, by `performance.now()`. */
  endsAt: number;
  isRefused: boolean;
  asking: Promise<void> | null;
}

/** Maximum number of keys whose shares are kept; beyond it the least recently used start again. */
const maxKeys = 100_000;

/**
 * Counts frequent actions of each key in shares of a window that all processes share, so that most actions cost no round
 * trip. In each window a process gives the first share in advance; when it is used up, the process takes those points
 * and another share from the shared window together.
 *
 * Accuracy: one process gives exactly the points of the window. Each further process that the key uses adds less than one
 * share, because the advance of a process counts only when it is used up.
 * @param options.take takes points of a key from the shared window; returns 0, or the milliseconds until the next window
 */
export function createRateShares(options: {
  windowMs: number;
  /** Points of one share: a small part of the window's points. */
  share: number;
  take(key: string, points: number): Promise<number>;
}) {
  const { windowMs, share } = options;
  const shares = new LRUCache<string, Share>(maxEntries(maxKeys));

  return {
    /** Takes one point of a key. @returns 0 when there was one, else the milliseconds until there is one */
    async take(key: string): Promise<number> {
      for (;;) {
        const own = shareOf(key);
        if (own.isRefused) return own.endsAt - performance.now();
        if (own.left > 0) {
          own.left -= 1;
          return 0;
        }
        own.asking ??= extend(key, own).finally(() => {
          own.asking = null;
        });
        await own.asking;
      }
    },
  };

  function shareOf(key: string): Share {
    const present = shares.get(key);
    if (present && present.endsAt > performance.now()) return present;
    const endsAt = performance.now() + windowMs;
    const fresh = { left: share, uncounted: share, endsAt, isRefused: false, asking: null };
    shares.set(key, fresh);
    return fresh;
  }

  async function extend(key: string, own: Share): Promise<void> {
    const retryAfterMs = await options.take(key, own.uncounted + share);
    own.uncounted = 0;
    if (retryAfterMs === 0) own.left += share;
    else Object.assign(own, { isRefused: true, endsAt: performance.now() + retryAfterMs });
  }
}
