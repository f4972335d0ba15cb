import type { ActivityEvent } from './activity-event.ts';

/** Milliseconds between two rounds of one channel. */
const defaultWindowMs = 500;
/** Maximum number of signals of each type in a round; the others wait, in their newest state. */
const maxOfRound = { typing: 10, presence: 20, receipt: 20 } as const;

/** A change of a receipt, whose membership is read when its turn comes. */
type PendingReceipt = { type: 'receipt'; userId: string };
/** A change that waits for its round. */
export type PendingEvent = Exclude<ActivityEvent, { type: 'receipt' }> | PendingReceipt;

/**
 * Gathers the changes of one channel's activity. Those about one user are joined, and told in rounds of a bounded size, so that
 * a follower gets a bounded number of signals a second however many members are active.
 * @param options.onRound called with the changes of a round, those that end something first
 */
export function createActivityRounds(options: { windowMs?: number; onRound(events: PendingEvent[]): void }) {
  const { windowMs = defaultWindowMs, onRound } = options;
  const pending = {
    typing: new Map<string, PendingEvent>(),
    presence: new Map<string, PendingEvent>(),
    receipt: new Map<string, PendingEvent>(),
  };
  let timer: NodeJS.Timeout | undefined;
  let lastRoundAt = Number.NEGATIVE_INFINITY;

  return {
    /** Adds a change, in place of an earlier one about the same user. */
    add(event: PendingEvent): void {
      pending[event.type].set(event.userId, event);
      schedule();
    },
    /** Forgets a change that is not told yet. */
    drop: ({ type, userId }: Pick<PendingEvent, 'type' | 'userId'>): void => void pending[type].delete(userId),
    /** Number of changes that wait. */
    size: () => pending.typing.size + pending.presence.size + pending.receipt.size,
    stop: () => clearTimeout(timer),
  };

  function schedule(): void {
    timer ??= setTimeout(runRound, Math.max(0, lastRoundAt + windowMs - performance.now()));
  }

  function runRound(): void {
    timer = undefined;
    lastRoundAt = performance.now();
    const events = [...take('typing'), ...take('presence'), ...take('receipt')];
    if (Object.values(pending).some(({ size }) => size > 0)) schedule();
    if (events.length > 0) onRound(events);
  }

  function take(type: keyof typeof pending): PendingEvent[] {
    const all = [...pending[type].values()];
    const taken = [...all.filter(isEnd), ...all.filter((event) => !isEnd(event))].slice(0, maxOfRound[type]);
    for (const { userId } of taken) pending[type].delete(userId);
    return taken;
  }
}

function isEnd(event: PendingEvent): boolean {
  return event.type === 'typing' && !event.isActive;
}
