import { randomUUID } from 'node:crypto';
import { userTopic } from '../events.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { State } from '../infra/state/state.ts';
import { publishSignal } from '../live/publish-signal.ts';
import type { UserSignals } from '../live/user-signals.ts';
import type { Logger } from '../logger.ts';
import type { Viewer } from './auth.ts';
import { createMatchClaims, type MatchClaimOptions } from './match-claims.ts';
import { createMatchFollow } from './match-follow.ts';
import { createMatchFollowers } from './match-followers.ts';
import { createMatchLifecycle } from './match-lifecycle.ts';
import { createMatchPartners } from './match-partners.ts';
import { type MatchPreferences, normalisePreferences } from './match-preferences.ts';
import { createMatchQueue } from './match-queue.ts';
import { claimView, leftView, type MatchView, waitingView } from './match-view.ts';
import type { Moderation } from './moderation.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import { createSharedTimer, type SharedTimer } from './shared-timer.ts';

/** Durations of matching, in milliseconds. */
export interface MatchTimes {
  /** How long a place in the queue lasts unless it is renewed. */
  leaseMs: number;
  /** How long a user waits before a partner without a shared tag is accepted. */
  relaxMs: number;
  /** How long a user can stay away from a match before it ends. */
  absenceMs: number;
}

/** Number of times within one lease that a follower renews its place, and within one absence that it notices one. */
const looksPerLease = 3;

/**
 * Creates the matching of strangers. A place in the queue is a lease in state, renewed by calling `match` again or by
 * following; it leaves the queue when its last follower, on any node, has gone. A match is a claim in the database, so that a
 * queue that loses its data makes no double match.
 */
export function createMatching(
  options: MatchClaimOptions & {
    state: State;
    pubsub: PubSub;
    /** Id of this node, by which it leases the places that it follows. */
    nodeId: string;
    userSignals: Pick<UserSignals, 'follow' | 'unfollow'>;
    moderation: Pick<Moderation, 'eitherWay'>;
    times: MatchTimes;
    rateLimits: RateLimits;
    /**
     * Calls followers to renew their places in the queue and to look for absent partners; by default three times within the
     * shorter duration.
     */
    timer?: SharedTimer;
    logger: Logger;
  },
) {
  const { state, pubsub, userSignals, moderation, times, logger } = options;
  const { nodeId, timer = createSharedTimer(Math.min(times.leaseMs, times.absenceMs) / looksPerLease) } = options;
  const { tickets, presence } = state;
  const matches = options.rateLimits.shared('match', rates.matches);
  const unmatches = options.rateLimits.shared('unmatch', rates.unmatches);
  const claims = createMatchClaims(options);
  const lifecycle = createMatchLifecycle({ claims, presence, absenceMs: times.absenceMs, logger });
  const queue = createMatchQueue({ tickets, nodeId, claims, lifecycle, times, notify, noteSeen, logger });
  const partners = createMatchPartners({ pubsub, lifecycle, logger });
  const followers = createMatchFollowers({ tickets, nodeId, logger });
  const follow = createMatchFollow({ userSignals, claims, lifecycle, queue, partners, followers, timer, logger });

  return {
    /** Joins the queue, or returns the viewer's match or place; a place is renewed and takes the new preferences. */
    async match({ userId }: Viewer, preferences: MatchPreferences): Promise<MatchView> {
      const wishes = normalisePreferences(preferences);
      await matches.take(userId);
      await noteSeen(userId);
      const match = await lifecycle.ongoing(await claims.latest(userId));
      if (match && match.status !== 'ENDED') return match;
      const place = await queue.find(userId);
      const id = place?.status === 'waiting' ? place.ticket.id : randomUUID();
      const avoid = [...(await claims.recentPartners(userId)), ...(await moderation.eitherWay(userId))];
      const ticket = { id, userId, ...wishes, avoid };
      const entered = await queue.enter(ticket);
      // The match that was found may have ended meanwhile: then the call asks for a new one.
      const view = entered.status === 'ENDED' ? await queue.enter({ ...ticket, id: randomUUID() }) : entered;
      if (view.status === 'WAITING') await notify(userId);
      return view;
    },

    /** Leaves the queue or the match; returns null when there is neither. */
    async unmatch({ userId }: Viewer): Promise<MatchView | null> {
      await unmatches.take(userId);
      return withdraw(userId);
    },

    /** Takes a user out of the queue, or ends the user's match, on behalf of a moderator; returns null when there is neither. */
    withdraw,

    /**
     * Returns the viewer's match or place; null when there is neither. It is a sign of life in a match, and does not renew a
     * place.
     */
    async current({ userId }: Viewer): Promise<MatchView | null> {
      await noteSeen(userId);
      return queue.current(userId);
    },

    /** Returns the viewer's match, ongoing or ended, or place with this id; null when there is none. */
    async byTicket({ userId }: Viewer, ticketId: string): Promise<MatchView | null> {
      const claim = await claims.byTicket(userId, ticketId);
      if (claim) return claimView(claim);
      const place = await queue.find(userId);
      const isWaiting = place?.status === 'waiting' && place.ticket.id === ticketId;
      return isWaiting ? waitingView(place.ticket, place.expiresAt) : null;
    },

    /** Follows the viewer's match: the present state at once, then each change. It renews the place in the queue. */
    follow: ({ userId }: Viewer): Promise<AsyncIterableIterator<MatchView | null>> => follow.open(userId),

    /** Number of users whose match somebody follows on this node. */
    followed: followers.size,
  };

  async function withdraw(userId: string): Promise<MatchView | null> {
    // A match is in the database: it can end while the queue is away.
    const [left] = await Promise.allSettled([queue.leave(userId)]);
    const claim = await claims.latest(userId);
    if (claim?.endReason === null) return lifecycle.leave(claim);
    if (left.status === 'rejected') throw left.reason;
    if (left.value === null) return null;
    await notify(userId);
    return leftView(left.value);
  }

  /** Lets an absence of a user without a connection start again: an app may know no subscriptions. */
  async function noteSeen(userId: string): Promise<void> {
    await presence.seen(userId).catch((error: unknown) => logger.warn({ error }, 'a sign of life was not noted'));
  }

  function notify(userId: string): Promise<void> {
    return publishSignal({ pubsub, logger }, userTopic(userId), { type: 'match' });
  }
}

export type Matching = ReturnType<typeof createMatching>;
