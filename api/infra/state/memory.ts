import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { createMemoryPresence } from './memory-presence.ts';
import { createMemoryTickets } from './memory-tickets.ts';
import type { Limits, State } from './state.ts';

/**
 * State within this process.
 * @param options.now epoch milliseconds; what all leases run on
 */
export function createMemoryState({ now = Date.now }: { now?: () => number } = {}): State {
  return {
    tickets: createMemoryTickets(now),
    presence: createMemoryPresence(now),
    limits: createMemoryLimits(),
    ready: async () => {},
    stop: async () => {},
  };
}

function createMemoryLimits(): Limits {
  const limiters = new Map<string, RateLimiterMemory>();
  return {
    async take(key, { points, windowMs }) {
      const rate = `${points}/${windowMs}`;
      const limiter =
        limiters.get(rate) ?? new RateLimiterMemory({ points, duration: windowMs / 1_000, keyPrefix: rate });
      limiters.set(rate, limiter);
      const result = await limiter.consume(key).catch((refusal: unknown) => refusal);
      if (!(result instanceof RateLimiterRes)) throw result;
      return result.consumedPoints > points ? Math.max(1, result.msBeforeNext) : 0;
    },
  };
}
