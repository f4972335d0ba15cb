import { type IRateLimiterOptions, type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';
import type { Limits } from './state.ts';

/** Milliseconds by which a clock may be adjusted without an effect on the windows. */
const toleranceMs = 1_000;

/**
 * Creates limits by rate-limiter-flexible, one limiter for each rate.
 * @param create creates the limiter of a rate
 */
export function createLimits(create: (options: IRateLimiterOptions) => RateLimiterAbstract): Limits {
  const limiters = new Map<string, RateLimiterAbstract>();

  function limiterOf(points: number, windowMs: number): RateLimiterAbstract {
    const keyPrefix = `${points}/${windowMs}`;
    const limiter = limiters.get(keyPrefix) ?? create({ points, duration: secondsOf(windowMs), keyPrefix });
    limiters.set(keyPrefix, limiter);
    return limiter;
  }

  return {
    async take(key, { points, windowMs }, taken = 1) {
      const limiter = limiterOf(points, windowMs);
      const result = await consume(limiter, key, taken, windowMs);
      if (result.consumedPoints <= points) return 0;
      // A refusal counts its points too: a large one would use up the rest for smaller ones.
      if (taken > 1) await limiter.reward(key, taken);
      return Math.max(1, result.msBeforeNext);
    },
  };
}

/** Consumes points. A window that would last longer than a whole one began before the clock was set back: it starts again. */
async function consume(
  limiter: RateLimiterAbstract,
  key: string,
  points: number,
  windowMs: number,
): Promise<RateLimiterRes> {
  const result = await settled(limiter.consume(key, points));
  if (result.msBeforeNext <= secondsOf(windowMs) * 1_000 + toleranceMs) return result;
  await limiter.delete(key);
  return settled(limiter.consume(key, points));
}

/** Returns the outcome of points that were consumed, or refused: the library rejects with a refusal. */
async function settled(consumed: Promise<RateLimiterRes>): Promise<RateLimiterRes> {
  const result: unknown = await consumed.catch((refusal: unknown) => refusal);
  if (!(result instanceof RateLimiterRes)) throw result;
  return result;
}

const secondsOf = (windowMs: number) => Math.ceil(windowMs / 1_000);
