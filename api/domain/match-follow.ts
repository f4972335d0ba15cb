import { type Alarm, createAlarm } from '../alarm.ts';
import { UnavailableError } from '../errors.ts';
import { DatabaseUnavailableError, StatementRefusedError } from '../infra/database/database.ts';
import type { Ticket } from '../infra/state/state.ts';
import { generateStream } from '../live/stream.ts';
import type { UserListener, UserSignals } from '../live/user-signals.ts';
import type { Logger } from '../logger.ts';
import type { MatchClaim, MatchClaims } from './match-claims.ts';
import type { MatchFollowers } from './match-followers.ts';
import type { MatchLifecycle } from './match-lifecycle.ts';
import type { MatchPartners, PartnerWatch } from './match-partners.ts';
import type { MatchQueue } from './match-queue.ts';
import { claimView, isSameView, type MatchView } from './match-view.ts';
import type { SharedTimer } from './shared-timer.ts';

/** State of one follower. */
interface FollowState {
  alarm: Alarm;
  /** The view that was delivered last. */
  delivered: MatchView | null;
  /** The ticket that it renews. */
  ticket: Ticket | null;
  /** The watch of the partner in the match that was delivered last. */
  partner: PartnerWatch | null;
  /** Whether the partner's presence has changed since. */
  isOutdated: boolean;
  /** The look that is under way, or the last one. Never rejects. */
  looking: Promise<unknown>;
  hasEnded: boolean;
}

/**
 * Creates the streams by which users follow their match. Signals tell a stream when to look, as does the verification of the
 * user. When the timer calls, a stream renews the place in the queue, or notices that the partner has been away for too long. The
 * streams of a node do so at the same time: `claims` and `lifecycle` read for all of them at once. A match is delivered again when
 * its partner goes offline or comes back.
 */
export function createMatchFollow(options: {
  userSignals: Pick<UserSignals, 'follow' | 'unfollow'>;
  claims: MatchClaims;
  lifecycle: MatchLifecycle;
  queue: MatchQueue;
  partners: MatchPartners;
  followers: MatchFollowers;
  /** Calls several times within one lease. */
  timer: SharedTimer;
  logger: Logger;
}) {
  const { userSignals, claims, lifecycle, queue, partners, followers, timer, logger } = options;
  const listener: UserListener = {
    onSignal(userId, { type }) {
      if (type === 'match') followers.ring(userId);
    },
    async verify(userIds) {
      for (const userId of userIds) followers.ring(userId);
    },
  };

  return {
    /** Opens a stream of the user's present state and then each change; it is live when this resolves. */
    async open(userId: string): Promise<AsyncIterableIterator<MatchView | null>> {
      const state = begin();
      await userSignals.follow(userId, listener);
      followers.add(userId, state.alarm);
      const leaveTimer = timer.add(() => renewOrWatch(state));
      return generateStream(
        (signal) => changes(userId, state, signal),
        () => {
          state.hasEnded = true;
          leaveTimer();
          state.partner?.leave();
          followers.remove(userId, state.alarm, state.looking);
          userSignals.unfollow(userId, listener);
        },
      );
    },
  };

  /** Keeps a place in the queue; ends a match whose partner is absent. Other streams wait for signals. */
  function renewOrWatch({ delivered, partner, alarm }: FollowState): void {
    if (delivered?.status === 'WAITING') alarm.ring();
    void partner?.check();
  }

  async function* changes(userId: string, state: FollowState, signal: AbortSignal) {
    const { alarm } = state;
    const present = await queue.current(userId);
    await watchPartner(state, present);
    state.delivered = present;
    if (present?.status === 'WAITING') alarm.ring();
    yield present;
    for (;;) {
      await alarm.wait(signal);
      if (signal.aborted) return;
      const looking = lookUp(userId, state);
      state.looking = looking;
      const view = await looking;
      if (view === null || (isSameView(view, state.delivered) && !state.isOutdated)) continue;
      await watchPartner(state, view);
      state.delivered = view;
      if (view.status === 'ENDED') alarm.ring();
      yield view;
    }
  }

  /** Watches the partner of a view that is about to be delivered, and no other. */
  async function watchPartner(state: FollowState, view: MatchView | null): Promise<void> {
    state.isOutdated = false;
    const partnerId = view?.status === 'MATCHED' ? view.partnerId : null;
    if (partnerId === (state.partner?.partnerId ?? null)) return;
    state.partner?.leave();
    state.partner = partnerId === null ? null : await partners.open(partnerId, () => outdate(state));
    if (state.hasEnded) state.partner?.leave();
  }

  /** Returns the view to deliver: the end of the delivered one before anything newer; null when nothing is known. */
  async function lookUp(userId: string, state: FollowState): Promise<MatchView | null> {
    try {
      const latest = await claims.latest(userId);
      return (
        (await endOf(state.delivered, userId, latest)) ??
        (await lifecycle.ongoing(latest)) ??
        (await renew(userId, state))
      );
    } catch (error) {
      if (!isTemporary(error)) logger.error({ error }, 'a match could not be looked up');
      return null;
    }
  }

  async function endOf(view: MatchView | null, userId: string, latest: MatchClaim | null): Promise<MatchView | null> {
    if (view === null || view.status === 'ENDED') return null;
    const isLatest = view.id === latest?.ticketId || view.status === 'WAITING';
    const claim = isLatest ? latest : await claims.byTicket(userId, view.id);
    return claim?.ticketId === view.id && claim.endReason !== null ? claimView(claim) : null;
  }

  /** Renews the place; where state lost its data, the same ticket enters the queue again. */
  async function renew(userId: string, state: FollowState): Promise<MatchView | null> {
    const place = await queue.find(userId);
    if (place !== null) state.ticket = place.ticket;
    else if (state.delivered?.status !== 'WAITING') state.ticket = null;
    return state.ticket && queue.follow(state.ticket);
  }
}

function begin(): FollowState {
  const looking = Promise.resolve();
  return {
    alarm: createAlarm(),
    delivered: null,
    ticket: null,
    partner: null,
    isOutdated: false,
    looking,
    hasEnded: false,
  };
}

function outdate(state: FollowState): void {
  state.isOutdated = true;
  state.alarm.ring();
}

/** Whether the next look may succeed. All followers of a node fail at the same time then, and need no line each. */
function isTemporary(error: unknown): boolean {
  if (error instanceof StatementRefusedError) return false;
  return error instanceof UnavailableError || error instanceof DatabaseUnavailableError;
}
