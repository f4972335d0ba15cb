import { type IRateLimiterOptions, type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import type { Limits } from './state.ts';

/**
 * Creates limits by rate-limiter-flexible, one limiter for each rate.
 * @param create creates the limiter of a rate
 */
export function createLimits(create: (options: IRateLimiterOptions) => RateLimiterAbstract): Limits {
  const limiters = new Map<string, RateLimiterAbstract>();

  function limiterOf(points: number, windowMs: number): RateLimiterAbstract {
    const keyPrefix = `${points}/${windowMs}`;
    const limiter = limiters.get(keyPrefix) ?? create({ points, duration: Math.ceil(windowMs / 1_000), keyPrefix });
    limiters.set(keyPrefix, limiter);
    return limiter;
  }

  return {
    async take(key, { points, windowMs }, taken = 1) {
      const limiter = limiterOf(points, windowMs);
      const result = await limiter.consume(key, taken).catch((refusal: unknown) => refusal);
      if (!(result instanceof RateLimiterRes)) throw result;
      if (result.consumedPoints <= points) return 0;
      // A refusal counts its points too: a large one would use up the rest for smaller ones.
      if (taken > 1) await limiter.reward(key, taken);
      return Math.max(1, result.msBeforeNext);
    },
  };
}
