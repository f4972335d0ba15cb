import { RateLimiterMemory } from 'rate-limiter-flexible';
import { steadyNow } from '../../steady-clock.ts';
import { createLimits } from './limits.ts';
import { createMemoryPresence } from './memory-presence.ts';
import { createMemoryTickets } from './memory-tickets.ts';
import type { State } from './state.ts';

/**
 * Creates the state within this process.
 * @param options.now epoch milliseconds; the clock of all leases
 */
export function createMemoryState({ now = steadyNow }: { now?: () => number } = {}): State {
  return {
    tickets: createMemoryTickets(now),
    presence: createMemoryPresence(now),
    limits: createLimits((options) => new RateLimiterMemory(options)),
    ready: async () => {},
    stop: async () => {},
  };
}
