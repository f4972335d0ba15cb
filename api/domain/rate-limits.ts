import { LRUCache } from 'lru-cache';
import { RateLimitedError } from '../errors.ts';
import type { Limits } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';

/** Limit on how often each key (a user, an address) may do something in this process. */
interface RateLimit {
  /** Counts one action. @throws RateLimitedError when the key has used its share */
  take(key: string): void;
}

/** Limit on how often each key may do something, counted over all processes. */
interface SharedRateLimit {
  /** Counts one action. @throws RateLimitedError when the key has used its share */
  take(key: string): Promise<void>;
}

/** Rate of a token bucket: `burst` actions at once, `perSecond` in the long run. */
interface BucketRate {
  burst: number;
  perSecond: number;
}

/** Rate of a shared limit: `points` actions in each window of `windowMs` milliseconds. */
type SharedRate = Parameters<Limits['take']>[1];

/** Creates limits. The rates themselves stand beside the rules that they belong to. */
export interface RateLimits {
  /** A limit that costs no round trip, for frequent actions. */
  inProcess(rate: BucketRate): RateLimit;
  /** A limit that spans processes. @param name prefix of its keys, unique to the rule */
  shared(name: string, rate: SharedRate): SharedRateLimit;
}

/** Number of keys that one in-process limit remembers; beyond it the least recently used start again. */
const maxKeys = 100_000;

/**
 * Creates the rate limits of a gateway.
 * @param options.limits counts shared limits; while it is away, they let everything pass and log a warning
 */
export function createRateLimits({ limits, logger }: { limits: Limits; logger: Logger }): RateLimits {
  return {
    inProcess: createTokenBuckets,
    shared: (name, rate) => ({
      async take(key) {
        const retryAfterMs = await limits.take(`${name}:${key}`, rate).catch((error: unknown) => {
          logger.warn({ error, limit: name }, 'state is away: a rate is not limited');
          return 0;
        });
        if (retryAfterMs > 0) throw tooManyRequests(retryAfterMs);
      },
    }),
  };
}

/** Rate limits that let everything pass: for `RATE_LIMITS=off`. */
export const noRateLimits: RateLimits = {
  inProcess: () => ({ take: () => {} }),
  shared: () => ({ take: async () => {} }),
};

function createTokenBuckets({ burst, perSecond }: BucketRate): RateLimit {
  const buckets = new LRUCache<string, { tokens: number; at: number }>({ max: maxKeys });

  return {
    take(key) {
      const at = Date.now();
      const bucket = buckets.get(key) ?? { tokens: burst, at };
      const tokens = Math.min(burst, bucket.tokens + ((at - bucket.at) / 1_000) * perSecond);
      if (tokens < 1) throw tooManyRequests(Math.ceil(((1 - tokens) / perSecond) * 1_000));
      buckets.set(key, { tokens: tokens - 1, at });
    },
  };
}

function tooManyRequests(retryAfterMs: number): RateLimitedError {
  const seconds = Math.ceil(retryAfterMs / 1_000);
  const wait = seconds === 1 ? '1 second' : `${seconds} seconds`;
  return new RateLimitedError(`Too many requests. Try again in ${wait}.`, retryAfterMs);
}
