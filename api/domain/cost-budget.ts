import { LRUCache } from 'lru-cache';
import { addressGroup, addressSite, siteFactor } from '../address.ts';
import { maxEntries } from '../lru-size.ts';
import type { RateLimits } from './rate-limits.ts';

/** Budget of the work that clients ask for, in points, shared by all gateways. */
export interface CostBudget {
  /**
   * Takes the points of an operation from the budgets of its viewer and its address: for IPv6, of its /64 network and its /48
   * prefix.
   * @throws RateLimitedError when one of them is used up
   */
  spend(client: { viewer: { userId: string } | null; address: string }, points: number): Promise<void>;
}

const windowMs = 60_000;
/** Number of users whose budgets one address has. */
const addressFactor = 25;
/** Part of a budget that a gateway takes at once, so that cheap operations cost no round trip each. */
const chunkShare = 1 / 100;
/** Milliseconds for which a gateway may spend a chunk that it took. */
const chunkMs = 10_000;
/** Number of clients whose chunks a gateway remembers. */
const maxKeys = 100_000;

/**
 * Creates the budgets of a gateway. A client without a viewer has the budget of its address's anonymous clients.
 * @param options.pointsPerMinute points of one viewer in each minute; an address has 25 times as many, a /48 prefix
 * `siteFactor` times those
 * @param options.now milliseconds of a clock that never steps
 */
export function createCostBudget(options: {
  rateLimits: RateLimits;
  pointsPerMinute: number;
  now?: () => number;
}): CostBudget {
  const ofViewers = createBudget({ ...options, name: 'cost', points: options.pointsPerMinute });
  const ofAddresses = createBudget({
    ...options,
    name: 'cost-of-address',
    points: options.pointsPerMinute * addressFactor,
  });
  const ofSites = createBudget({
    ...options,
    name: 'cost-of-site',
    points: options.pointsPerMinute * addressFactor * siteFactor,
  });
  return {
    async spend({ viewer, address }, points) {
      if (points <= 0) return;
      const group = addressGroup(address);
      await ofViewers(viewer ? `user:${viewer.userId}` : `address:${group}`, points);
      await ofAddresses(group, points);
      const site = addressSite(address);
      if (site !== null) await ofSites(site, points);
    },
  };
}

function createBudget(options: { rateLimits: RateLimits; name: string; points: number; now?: () => number }) {
  const { rateLimits, name, points: size, now = () => performance.now() } = options;
  const limit = rateLimits.shared(name, { points: size, windowMs });
  const chunks = new LRUCache<string, { left: number; until: number }>(maxEntries(maxKeys));
  const chunkSize = Math.ceil(size * chunkShare);

  return async function spend(key: string, points: number): Promise<void> {
    const left = leftOf(key);
    const missing = Math.min(points, size) - left;
    if (missing <= 0) return add(key, -Math.min(points, size));
    chunks.delete(key);
    const taken = Math.max(chunkSize, missing);
    try {
      await limit.take(key, taken);
    } catch (error) {
      add(key, left);
      throw error;
    }
    add(key, taken - missing);
  };

  function leftOf(key: string): number {
    const chunk = chunks.get(key);
    return chunk && chunk.until > now() ? chunk.left : 0;
  }

  function add(key: string, points: number): void {
    const present = leftOf(key);
    const until = present > 0 ? (chunks.get(key)?.until ?? 0) : now() + chunkMs;
    if (present + points > 0) chunks.set(key, { left: present + points, until });
    else chunks.delete(key);
  }
}
