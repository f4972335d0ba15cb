import { RateLimiterMemory } from 'rate-limiter-flexible';
import { steadyNow } from '../../steady-clock.ts';
import { createLimits } from './limits.ts';
import { createMemoryPersistedQueries } from './memory-persisted-queries.ts';
import { createMemoryPresence } from './memory-presence.ts';
import { createMemoryTickets } from './memory-tickets.ts';
import { maxPersistedBytes, type State } from './state.ts';

/**
 * Creates the state within this process.
 * @param options.now epoch milliseconds; the clock of all leases
 * @param options.persistedBytes maximum total size of the persisted queries, in bytes
 */
export function createMemoryState(options: { now?: () => number; persistedBytes?: number } = {}): State {
  const { now = steadyNow, persistedBytes = maxPersistedBytes } = options;
  return {
    tickets: createMemoryTickets(now),
    presence: createMemoryPresence(now),
    limits: createLimits((rate) => new RateLimiterMemory(rate)),
    persistedQueries: createMemoryPersistedQueries(persistedBytes),
    ready: async () => {},
    stop: async () => {},
  };
}
