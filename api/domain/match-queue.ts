import { batched } from '../batched.ts';
import { UnavailableError } from '../errors.ts';
import type { Ticket, TicketState, Tickets } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';
import type { MatchClaims } from './match-claims.ts';
import type { MatchLifecycle } from './match-lifecycle.ts';
import { claimView, leftView, type MatchView, unlessEnded, waitingView } from './match-view.ts';

/** Maximum number of times that one call enters the queue again because a pair could not be claimed. */
const maxTries = 5;

/**
 * Creates the way from the queue to a match. A place in the queue is a lease; when state pairs two tickets, the pair is
 * claimed in the database, which decides. A pair that cannot be claimed enters the queue again.
 */
export function createMatchQueue(options: {
  tickets: Tickets;
  /** Id of this node, whose followers keep places. */
  nodeId: string;
  claims: MatchClaims;
  lifecycle: MatchLifecycle;
  times: { leaseMs: number; relaxMs: number };
  /** Tells a user's other connections to look the match up. */
  notify(userId: string): Promise<void>;
  /** Lets the absence of a user without a connection start again. Never rejects. */
  noteSeen(userId: string): Promise<void>;
  logger: Logger;
}) {
  const { tickets, nodeId, claims, lifecycle, times, notify, noteSeen, logger } = options;
  const findPlace = batched((userIds: readonly string[]) => tickets.find(userIds));
  /** Concurrent calls share a request to the state. */
  const find = (userId: string) => findPlace(userId).catch(throwUnavailable);

  return {
    /**
     * Takes or renews a place in the queue, and matches if there is a partner.
     * @throws UnavailableError when state is away, or after too many pairs that could not be claimed
     */
    enter: (ticket: Ticket): Promise<MatchView> => enter(ticket),

    /** Enters for a stream, whose node has a lease of the place from then on. */
    follow: (ticket: Ticket): Promise<MatchView> => enter(ticket, nodeId),

    /** Returns a user's place in the queue, or the pair that it became; null when there is neither. */
    find,

    /** Returns the user's match or place; null when there is neither. */
    async current(userId: string): Promise<MatchView | null> {
      const match = await lifecycle.ongoing(await claims.latest(userId));
      if (match) return unlessEnded(match);
      const place = await find(userId);
      if (place?.status === 'waiting') return waitingView(place.ticket, place.expiresAt);
      // The place may have become a match since the first look, or be about to.
      return unlessEnded(
        place ? await resolve(place.ticket, place) : await lifecycle.ongoing(await claims.latest(userId)),
      );
    },

    /** Gives up a user's place and returns its ticket; null when there was none. A pair becomes a match first. */
    async leave(userId: string): Promise<Ticket | null> {
      const ticket = await tickets.leave(userId).catch(throwUnavailable);
      const place = ticket === null ? await find(userId) : null;
      if (place?.status === 'paired') await claimPair(place.ticket, place.partner);
      return ticket;
    },
  };

  async function enter(wanted: Ticket, follower?: string): Promise<MatchView> {
    let ticket = wanted;
    for (let tries = 0; tries < maxTries; tries++) {
      const entered = await tickets.enter(ticket, times, follower).catch(throwUnavailable);
      const view = await resolve(ticket, entered);
      if (view) return view;
      // A partner who cannot be claimed now, or was blocked meanwhile, would be found again.
      if (entered.status === 'paired') ticket = { ...ticket, avoid: [...ticket.avoid, entered.partner.userId] };
    }
    throw new UnavailableError('You could not be placed in the queue. Try again in a moment.');
  }

  /** Returns the result of entering; null when the pair could not be claimed, so that the user must enter again. */
  async function resolve(own: Ticket, entered: TicketState): Promise<MatchView | null> {
    switch (entered.status) {
      case 'waiting':
        return confirmPlace(entered.ticket, entered.expiresAt);
      case 'left':
        return leftView(own);
      case 'paired':
        return resolvePair(entered.ticket, entered.partner);
      default:
        throw new Error(`unknown state ${JSON.stringify(entered satisfies never)}`);
    }
  }

  /** Returns the place, unless its user was matched while it was taken. */
  async function confirmPlace(ticket: Ticket, expiresAt: number): Promise<MatchView | null> {
    const claim = await claims.latest(ticket.userId);
    if (claim?.endReason !== null) return waitingView(ticket, expiresAt);
    await tickets.leave(ticket.userId).catch(throwUnavailable);
    return lifecycle.ongoing(claim);
  }

  async function resolvePair(own: Ticket, partner: Ticket): Promise<MatchView | null> {
    await claimPair(own, partner);
    const claim = await claims.latest(own.userId);
    if (claim?.ticketId === own.id) return (await lifecycle.ongoing(claim)) ?? claimView(claim);
    await notify(partner.userId);
    return lifecycle.ongoing(claim);
  }

  async function claimPair(own: Ticket, partner: Ticket): Promise<void> {
    // An absence counts from the match on, however long somebody without a connection has waited.
    await Promise.all([noteSeen(own.userId), noteSeen(partner.userId)]);
    await claims.claim(own, partner);
    await tickets.acknowledge([own.id, partner.id]).catch((error: unknown) => {
      logger.warn({ error }, 'a pair was not acknowledged; it expires by itself');
    });
  }
}

export type MatchQueue = ReturnType<typeof createMatchQueue>;

function throwUnavailable(error: unknown): never {
  throw new UnavailableError('The queue is not available. Try again in a moment.', { cause: error });
}
