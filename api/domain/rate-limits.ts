import { LRUCache } from 'lru-cache';
import { RateLimitedError } from '../errors.ts';

/** A bound on how often something may be done, for each key, in this process. */
export interface RateLimit {
  /** @throws RateLimitedError when the key has none left */
  take(key: string): void;
}

const maxKeys = 100_000;

/**
 * A token bucket for each key: `burst` at once, `perSecond` in the long run.
 * @param options.now epoch milliseconds
 */
export function createRateLimit(options: { burst: number; perSecond: number; now?: () => number }): RateLimit {
  const { burst, perSecond, now = Date.now } = options;
  const buckets = new LRUCache<string, { tokens: number; at: number }>({ max: maxKeys });

  return {
    take(key) {
      const at = now();
      const bucket = buckets.get(key) ?? { tokens: burst, at };
      const tokens = Math.min(burst, bucket.tokens + ((at - bucket.at) / 1_000) * perSecond);
      if (tokens < 1)
        throw new RateLimitedError('Too often: slow down a little.', Math.ceil(((1 - tokens) / perSecond) * 1_000));
      buckets.set(key, { tokens: tokens - 1, at });
    },
  };
}

/** Refuses nothing. */
export const unlimited: RateLimit = { take: () => {} };
