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
    async take(key, { points, windowMs }) {
      const result = await limiterOf(points, windowMs)
        .consume(key)
        .catch((refusal: unknown) => refusal);
      if (!(result instanceof RateLimiterRes)) throw result;
      return result.consumedPoints > points ? Math.max(1, result.msBeforeNext) : 0;
    },
  };
}
