import { addressGroup, addressSite, siteFactor } from '../address.ts';
import { RateLimitedError, withoutTrace } from '../errors.ts';
import type { Limits } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';
import { createRateShares } from './rate-shares.ts';

/** Limit on how often each key (a user, an address) may do something, counted over all processes. */
interface RateLimit {
  /**
   * Counts one action, or an action that takes several points.
   * @throws RateLimitedError when the key has too few points left
   */
  take(key: string, points?: number): Promise<void>;
}

/** Limit on how often one address may do something, counted over all processes. */
interface AddressRateLimit {
  /**
   * Counts one action of an IP address, or an action that takes several points: by `addressGroup`, and by `addressSite` with
   * `siteFactor` times the points.
   * @throws RateLimitedError when the address or its prefix has too few points left
   */
  take(address: string, points?: number): Promise<void>;
}

/** Limit on frequent actions, counted over all processes with few round trips. */
interface FrequentRateLimit {
  /** Counts one action. @throws RateLimitedError when the key has no points left */
  take(key: string): Promise<void>;
}

/** Rate of a limit: `points` actions in each window of `windowMs` milliseconds. */
type Rate = Parameters<Limits['take']>[1];

/** Rate of frequent actions, which each process takes from the shared window in shares of `share` points. */
type FrequentRate = Rate & { share: number };

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Rates of everything that users do. `RATE_LIMITS=off` turns all of them off. */
export const rates = {
  /** Sends, edits and deletions of one user: 50 a second in the long run. */
  sends: { points: 200, windowMs: 4_000, share: 20 },
  /** Refused sends of one user that are looked up, because they may repeat a message that exists. */
  repeatedSends: { points: 100, windowMs: 10_000, share: 10 },
  /** Reactions of one user that are added or removed: 25 a second in the long run. */
  reactions: { points: 100, windowMs: 4_000, share: 10 },
  /** Pins and unpins by one user. */
  pins: { points: 30, windowMs: minuteMs },
  /** Changes of rooms and memberships by one user, including those that have a rate of their own. */
  channelChanges: { points: 60, windowMs: minuteMs },
  /** Moves of the seen marks of one user: 25 a second in the long run. */
  seenMarks: { points: 100, windowMs: 4_000, share: 10 },
  /** Calls of `typing` by one user: clients repeat it every few seconds. */
  typing: { points: 40, windowMs: 10_000, share: 10 },
  /** Changes of one user's preferences for channels. */
  preferenceChanges: { points: 120, windowMs: minuteMs },
  /** Changes of one user's profile. */
  profileChanges: { points: 20, windowMs: minuteMs },
  /** Sessions ended by one user. */
  sessionEnds: { points: 60, windowMs: minuteMs },
  /** Rooms created by one user. */
  roomsOfDay: { points: 50, windowMs: dayMs },
  /** Rooms that one user joins without an invitation. */
  joins: { points: 30, windowMs: minuteMs },
  /** Invitations and new direct channels by one user. */
  invites: { points: 30, windowMs: minuteMs },
  /** Invitations and new direct channels by one user in a day. */
  invitesOfDay: { points: 300, windowMs: dayMs },
  /** Invitations and new direct channels that one user gets from all registered users. */
  invitesOfInvitee: { points: 40, windowMs: hourMs },
  /** Invitations and new direct channels that one user gets from all guests. */
  invitesOfInviteeByGuests: { points: 20, windowMs: hourMs },
  /** Invitations and new direct channels that one user gets from one other. */
  invitesOfPair: { points: 10, windowMs: hourMs },
  /** Kicks, bans, mutes and changes of roles by one user. */
  roomModeration: { points: 60, windowMs: minuteMs },
  /** Blocks and their ends by one user. */
  blocks: { points: 60, windowMs: minuteMs },
  /** Reports by one user. */
  reports: { points: 10, windowMs: minuteMs },
  /** Reports by one user in a day. */
  reportsOfDay: { points: 100, windowMs: dayMs },
  /** Suspensions, their ends and resolved reports by one moderator of the service. */
  moderation: { points: 120, windowMs: minuteMs },
  /** Searches for users by one registered user. */
  userSearches: { points: 60, windowMs: minuteMs },
  /** Searches for users by one guest. */
  userSearchesOfGuest: { points: 20, windowMs: minuteMs },
  /** Searches for users by one user in a day: with the size of a page, it bounds how many names one account can collect. */
  userSearchesOfDay: { points: 600, windowMs: dayMs },
  /** Calls of `unmatch` by one user: more than of `match`, so that a user can leave. */
  unmatches: { points: 120, windowMs: minuteMs },
  /** Calls of `match` by one user. */
  matches: { points: 60, windowMs: minuteMs },
  /** Uploads started by one user. */
  uploads: { points: 120, windowMs: minuteMs },
  /** Pixels of the pictures of one user that are processed: six photos of the maximum size. */
  picturePixels: { points: 300_000_000, windowMs: minuteMs },
  /** Direct uploads finished by one user, repeated calls included. */
  finishedUploads: { points: 240, windowMs: minuteMs },
  /** Uploads started by all guests of one address in a day. */
  guestUploadsOfDay: { points: 300, windowMs: dayMs },
  /** Attempts to log in to one account from one address. */
  logins: { points: 10, windowMs: minuteMs },
  /** Attempts to log in to any account from one address. */
  loginsOfAddress: { points: 100, windowMs: minuteMs },
  /** Attempts to log in to one account from all addresses together, except those that it was used from before. */
  loginsOfAccount: { points: 30, windowMs: hourMs },
  /** New guests and registrations from one address. */
  newcomers: { points: 120, windowMs: minuteMs },
  /** New guests from one address in a day. */
  guestsOfDay: { points: 1_000, windowMs: dayMs },
  /** New guests from one address of a network from which several users were suspended within a week. */
  guestsSlowed: { points: 5, windowMs: hourMs },
  /** Registrations from one address: each tells whether an e-mail address is taken. */
  registrations: { points: 60, windowMs: 10 * minuteMs },
  /** Refreshes of one session. */
  refreshes: { points: 20, windowMs: minuteMs },
  /** Refreshes from one address, with any token. */
  refreshesOfAddress: { points: 600, windowMs: minuteMs },
  /** Stream tickets created by one user. */
  streamTickets: { points: 60, windowMs: minuteMs },
  /** Links to choose a new password that are requested from one address. */
  resetRequests: { points: 20, windowMs: hourMs },
  /** Links that are requested for one account, known by its e-mail address whether or not it exists. */
  resetRequestsOfAccount: { points: 5, windowMs: hourMs },
  /** Passwords chosen by links from one address, with any token. */
  resets: { points: 30, windowMs: minuteMs },
  /** Password changes of one user, each of which tests the present password. */
  passwordChanges: { points: 10, windowMs: minuteMs },
} as const satisfies Record<string, Rate | FrequentRate>;

/** Limits for the rates of `rates`. The name of a limit is the prefix of its keys, unique to the rule. */
export interface RateLimits {
  /** A limit that costs a round trip for each action. */
  shared(name: string, rate: Rate): RateLimit;
  /** A limit by address that costs a round trip for each action, and two for IPv6. */
  ofAddress(name: string, rate: Rate): AddressRateLimit;
  /** A limit that costs a round trip for each share of points only; see `rate-shares.ts` for its accuracy. */
  frequent(name: string, rate: FrequentRate): FrequentRateLimit;
}

/** Options of rate limits. */
interface RateLimitOptions {
  /** Counts the limits; while it is away, they let everything pass and log a warning. */
  limits: Limits;
  /** Counts refusals by the name of their limit, for metrics. */
  onRefused(limit: string): void;
  logger: Logger;
}

/** Creates the rate limits of a gateway. */
export function createRateLimits({ limits, onRefused, logger }: RateLimitOptions): RateLimits {
  const shared = (name: string, rate: Rate): RateLimit => ({
    take: async (key, points) => throwRefusal(name, await take(name, rate, key, points)),
  });
  return {
    shared,
    ofAddress(name, rate) {
      const ofGroup = shared(name, rate);
      const ofSite = shared(name, { ...rate, points: rate.points * siteFactor });
      return {
        async take(address, points) {
          await ofGroup.take(addressGroup(address), points);
          const site = addressSite(address);
          if (site !== null) await ofSite.take(site, points);
        },
      };
    },
    frequent(name, rate) {
      const shares = createRateShares({ ...rate, take: (key, points) => take(name, rate, key, points) });
      return { take: async (key) => throwRefusal(name, await shares.take(key)) };
    },
  };

  function throwRefusal(name: string, retryAfterMs: number): void {
    if (retryAfterMs <= 0) return;
    onRefused(name);
    throw tooManyRequests(retryAfterMs);
  }

  function take(name: string, { points, windowMs }: Rate, key: string, amount?: number): Promise<number> {
    return limits.take(`${name}:${key}`, { points, windowMs }, amount).catch((error: unknown) => {
      logger.warn({ error, limit: name }, 'state is away: a rate is not limited');
      return 0;
    });
  }
}

/** Rate limits that let everything pass: for `RATE_LIMITS=off`. */
export const noRateLimits: RateLimits = {
  shared: () => ({ take: async () => {} }),
  ofAddress: () => ({ take: async () => {} }),
  frequent: () => ({ take: async () => {} }),
};

function tooManyRequests(retryAfterMs: number): RateLimitedError {
  const seconds = Math.ceil(retryAfterMs / 1_000);
  const wait = seconds === 1 ? '1 second' : `${seconds} seconds`;
  return withoutTrace(() => new RateLimitedError(`Too many requests. Try again in ${wait}.`, retryAfterMs));
}
