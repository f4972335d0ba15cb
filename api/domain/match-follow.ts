import { type Alarm, createAlarm } from '../alarm.ts';
import { UnavailableError } from '../errors.ts';
import { DatabaseUnavailableError, StatementRefusedError } from '../infra/database/database.ts';
import type { Ticket } from '../infra/state/state.ts';
import { generateStream } from '../live/stream.ts';
import type { UserListener, UserSignals } from '../live/user-signals.ts';
import type { Logger } from '../logger.ts';
import type { MatchClaim, MatchClaims } from './match-claims.ts';
import type { MatchLifecycle } from './match-lifecycle.ts';
import type { MatchQueue } from './match-queue.ts';
import { claimView, isSameView, type MatchView } from './match-view.ts';
import type { SharedTimer } from './shared-timer.ts';

/** State of one follower: the view that was delivered last, and the ticket that it renews. */
interface FollowState {
  delivered: MatchView | null;
  ticket: Ticket | null;
}

/**
 * Creates the streams by which users follow their match. Signals tell a stream when to look, as does the verification of the
 * user. When the timer calls, a stream renews the place in the queue, or notices that the partner has been away for too long. The
 * streams of a node do so at the same time: `claims` and `lifecycle` read for all of them at once.
 */
export function createMatchFollow(options: {
  userSignals: Pick<UserSignals, 'follow' | 'unfollow'>;
  claims: MatchClaims;
  lifecycle: MatchLifecycle;
  queue: MatchQueue;
  /** Calls several times within one lease. */
  timer: SharedTimer;
  logger: Logger;
}) {
  const { userSignals, claims, lifecycle, queue, timer, logger } = options;
  /** Alarms of the streams of each user. */
  const alarms = new Map<string, Set<Alarm>>();
  const listener: UserListener = {
    onSignal(userId, { type }) {
      if (type === 'match') ring(userId);
    },
    async verify(userIds) {
      for (const userId of userIds) ring(userId);
    },
  };

  return {
    /** Opens a stream of the user's present state and then each change; it is live when this resolves. */
    async open(userId: string): Promise<AsyncIterableIterator<MatchView | null>> {
      const alarm = createAlarm();
      await userSignals.follow(userId, listener);
      const ofUser = alarms.get(userId) ?? new Set();
      alarms.set(userId, ofUser.add(alarm));
      const state: FollowState = { delivered: null, ticket: null };
      const leaveTimer = timer.add(() => void renewOrWatch(state.delivered, alarm));
      return generateStream(
        (signal) => changes(userId, state, alarm, signal),
        () => {
          leaveTimer();
          ofUser.delete(alarm);
          if (ofUser.size === 0 && alarms.get(userId) === ofUser) alarms.delete(userId);
          userSignals.unfollow(userId, listener);
        },
      );
    },
  };

  function ring(userId: string): void {
    for (const alarm of alarms.get(userId) ?? []) alarm.ring();
  }

  /** Keeps a place in the queue; ends a match whose partner is absent. Other streams wait for signals. */
  async function renewOrWatch(view: MatchView | null, alarm: Alarm): Promise<void> {
    if (view?.status === 'WAITING') alarm.ring();
    if (view?.status !== 'MATCHED' || view.partnerId === null) return;
    if (await lifecycle.isAbsent(view.partnerId)) alarm.ring();
  }

  async function* changes(userId: string, state: FollowState, alarm: Alarm, signal: AbortSignal) {
    state.delivered = await queue.current(userId);
    if (state.delivered?.status === 'WAITING') alarm.ring();
    yield state.delivered;
    for (;;) {
      await alarm.wait(signal);
      if (signal.aborted) return;
      const view = await lookUp(userId, state);
      if (view === null || isSameView(view, state.delivered)) continue;
      state.delivered = view;
      if (view.status === 'ENDED') alarm.ring();
      yield view;
    }
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
    return state.ticket && queue.enter(state.ticket);
  }
}

/** Whether the next look may succeed. All followers of a node fail at the same time then, and need no line each. */
function isTemporary(error: unknown): boolean {
  if (error instanceof StatementRefusedError) return false;
  return error instanceof UnavailableError || error instanceof DatabaseUnavailableError;
}
