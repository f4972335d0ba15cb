import { addressGroup } from '../address.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { int4, text, timestamptz } from '../infra/database/types.ts';
import { type RateLimits, rates } from './rate-limits.ts';

/** Milliseconds for which the network of a suspended user counts. */
export const suspectMs = 7 * 86_400_000;
/** Maximum number of places that one look compares, the newest ones. */
const maxPlaces = 2_000;

/**
 * Creates the limit on guests of a network from which several users were suspended within a week. The others of that network, who may
 * share it with them, still sign in, register and, less often, enter as guests.
 * @param options.suspensions number of suspended users from which on a network is limited
 */
export function createSlowedGuests(options: {
  database: Pick<Database, 'query'>;
  rateLimits: RateLimits;
  suspensions: number;
}) {
  const guests = options.rateLimits.ofAddress('guests-slowed', rates.guestsSlowed);

  return {
    /** Counts a new guest of an address. @throws RateLimitedError when its network is limited and had too many guests lately */
    async take(address: string): Promise<void> {
      const since = new Date(Date.now() - suspectMs);
      const [found] = await options.database.query(countSuspended, { network: addressGroup(address), since });
      if ((found?.users ?? 0) >= options.suspensions) await guests.take(address);
    },
  };
}

/** Counts suspended users with a session of a network. The digest of user and network is that of `placeOf`. */
const countSuspended = statement({
  sql: `
    SELECT count(DISTINCT p.user_id)::int AS users FROM (
      SELECT user_id, place FROM suspended_place WHERE suspended_at > $since ORDER BY suspended_at DESC LIMIT ${maxPlaces}) p
    WHERE p.place = substring(sha256(convert_to(p.user_id::text || ':' || $network, 'UTF8')) FOR 16)`,
  parameters: { network: text, since: timestamptz },
  row: { users: int4 },
});
