import { UnavailableError } from '../errors.ts';
import { matchTopic } from '../events.ts';
import { DatabaseUnavailableError, StatementRefusedError } from '../infra/database/database.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Ticket } from '../infra/state/state.ts';
import { generateStream } from '../live/stream.ts';
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
 * Creates the streams by which users follow their match. A stream renews the place in the queue. Signals tell it when to
 * look; it also looks when the timer calls, so that a lost signal only costs time. The streams of a node look at the same time, so
 * that `claims` and `lifecycle` read for all of them at once.
 */
export function createMatchFollow(options: {
  pubsub: PubSub;
  claims: MatchClaims;
  lifecycle: MatchLifecycle;
  queue: MatchQueue;
  /** Calls several times within one lease. */
  timer: SharedTimer;
  logger: Logger;
}) {
  const { pubsub, claims, lifecycle, queue, timer, logger } = options;

  return {
    /** Opens a stream of the user's present state and then each change; it is live when this resolves. */
    async open(userId: string): Promise<AsyncIterableIterator<MatchView | null>> {
      const alarm = createAlarm();
      const unsubscribe = await pubsub.subscribe(matchTopic(userId), alarm.ring);
      const leaveTimer = timer.add(alarm.ring);
      return generateStream(
        (signal) => changes(userId, alarm, signal),
        () => {
          leaveTimer();
          void unsubscribe();
        },
      );
    },
  };

  async function* changes(userId: string, alarm: Alarm, signal: AbortSignal) {
    const state: FollowState = { delivered: await queue.current(userId), ticket: null };
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

/** Wakes one waiter. */
interface Alarm {
  /** Ends the present wait, or the next one at once. */
  ring(): void;
  /** Resolves when the alarm rings or the signal aborts. */
  wait(signal: AbortSignal): Promise<void>;
}

function createAlarm(): Alarm {
  let hasRung = false;
  let wake = () => {};
  return {
    ring() {
      hasRung = true;
      wake();
    },
    async wait(signal) {
      if (!hasRung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', wake, { once: true });
        });
        signal.removeEventListener('abort', wake);
      }
      hasRung = false;
    },
  };
}
