import { LRUCache } from 'lru-cache';
import { RateLimitedError } from '../errors.ts';
import type { Limits } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';
import { maxEntries } from '../lru-size.ts';

/** Limit on how often each key (a user, an address) may do something in this process. */
interface RateLimit {
  /** Counts one action. @throws RateLimitedError when the key has used its share */
  take(key: string): void;
}

/** Limit on how often each key may do something, counted over all processes. */
interface SharedRateLimit {
  /**
   * Counts one action, or several points at once.
   * @throws RateLimitedError when the key has used its share
   */
  take(key: string, points?: number): Promise<void>;
}

/** Rate of a token bucket: `burst` actions at once, `perSecond` in the long run. */
interface BucketRate {
  burst: number;
  perSecond: number;
}

/** Rate of a shared limit: `points` actions in each window of `windowMs` milliseconds. */
type SharedRate = Parameters<Limits['take']>[1];

const minuteMs = 60_000;

/** Rates of everything that users do. `RATE_LIMITS=off` turns all of them off. */
export const rates = {
  /** Sends, edits and deletions of one user. */
  sends: { burst: 200, perSecond: 50 },
  /** Changes of rooms and memberships by one user. */
  channelChanges: { burst: 60, perSecond: 1 },
  /** Blocks and their ends by one user. */
  blocks: { burst: 60, perSecond: 1 },
  /** Calls of `match` and `unmatch` by one user. */
  matches: { points: 60, windowMs: minuteMs },
  /** Uploads started by one user. */
  uploads: { points: 120, windowMs: minuteMs },
  /** Attempts to log in to one account from one address. */
  logins: { points: 10, windowMs: minuteMs },
  /** Attempts to log in to any account from one address. */
  loginsOfAddress: { points: 100, windowMs: minuteMs },
  /** Attempts to log in to one account from all addresses together, except those that it was used from before. */
  loginsOfAccount: { points: 30, windowMs: 60 * minuteMs },
  /** New guests and registrations from one address. */
  newcomers: { points: 120, windowMs: minuteMs },
  /** Registrations from one address: each tells whether an e-mail address is taken. */
  registrations: { points: 60, windowMs: 10 * minuteMs },
  /** Refreshes of one session. */
  refreshes: { points: 20, windowMs: minuteMs },
  /** Refreshes from one address, with any token. */
  refreshesOfAddress: { points: 600, windowMs: minuteMs },
  /** Password changes of one user, each of which tests the present password. */
  passwordChanges: { points: 10, windowMs: minuteMs },
} as const satisfies Record<string, BucketRate | SharedRate>;

/** Creates limits for the rates of `rates`. */
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
      async take(key, points) {
        const retryAfterMs = await limits.take(`${name}:${key}`, rate, points).catch((error: unknown) => {
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
  const buckets = new LRUCache<string, { tokens: number; at: number }>(maxEntries(maxKeys));

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
