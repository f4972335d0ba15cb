import type { MatchEndReason } from '../events.ts';
import type { Ticket } from '../infra/state/state.ts';
import type { MatchClaim } from './match-claims.ts';

/** A user's match, or place in the queue. */
export interface MatchView {
  /** Id of the ticket: the same while waiting, matched and ended. */
  id: string;
  status: 'WAITING' | 'MATCHED' | 'ENDED';
  /** Time at which the place in the queue expires unless it is renewed; null unless waiting. */
  expiresAt: Date | null;
  channelId: string | null;
  partnerId: string | null;
  /** Null until the match, or the place, has ended. */
  endReason: MatchEndReason | null;
}

const empty = { expiresAt: null, channelId: null, partnerId: null, endReason: null };

/** Returns the view of a place in the queue. @param expiresAt epoch milliseconds */
export function waitingView({ id }: Ticket, expiresAt: number): MatchView {
  return { ...empty, id, status: 'WAITING', expiresAt: new Date(expiresAt) };
}

/** Returns the view of a place that its user gave up. */
export function leftView({ id }: Ticket): MatchView {
  return { ...empty, id, status: 'ENDED', endReason: 'LEFT' };
}

/** Returns the view of a claim, ongoing or ended. */
export function claimView({ ticketId: id, channelId, partnerId, endReason }: MatchClaim): MatchView {
  return { id, status: endReason === null ? 'MATCHED' : 'ENDED', expiresAt: null, channelId, partnerId, endReason };
}

/** Returns whether two views look the same to their user; a renewal changes only `expiresAt`, which does not count. */
export function isSameView(a: MatchView, b: MatchView | null): boolean {
  return a.id === b?.id && a.status === b.status;
}

/** Returns a view that has not ended; null otherwise. */
export function unlessEnded(view: MatchView | null): MatchView | null {
  return view?.status === 'ENDED' ? null : view;
}
