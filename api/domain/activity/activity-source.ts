import type { Backlog, LiveSource } from '../../live/live-source.ts';
import { type ActivityEvent, type ActivityItem, isPresent, keyOf } from './activity-event.ts';

/** Milliseconds for which signals are kept that tell of nothing that lasts, for subscribers that are behind. */
const keptMs = 10_000;
/** Maximum number of signals, the newest ones, that tell a new subscriber of the present state. */
const maxPresent = 100;

/** Where a new subscriber begins: it gets the present state among the signals after `position` up to `head`, and every later signal. */
export interface ActivityStart {
  position: number;
  head: number;
}

/**
 * Creates the signals of one channel on this node, in order. Only the newest one about each user and type is kept.
 * @param channelId id of the channel
 */
export function createActivitySource(channelId: string) {
  /** In order of position. */
  const items = new Map<string, ActivityItem>();
  /** Times at which signals were added that tell of nothing that lasts, by their position, in order. */
  const ended = new Map<number, { key: string; at: number }>();
  const listeners = new Set<() => void>();
  let position = 0;
  let failure: Error | null = null;

  const source: LiveSource<ActivityItem> = {
    channelId,
    kind: 'signal',
    last: () => position,
    since,
    read: async (after, limit) => since(after, limit),
    // A state that was replaced is left out, and no signal quotes another.
    version: () => 0,
    current: (some) => some,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };

  return {
    ...source,
    /** Adds signals without telling the subscribers, who learn of them with the next. */
    push,
    /** Tells the subscribers that there is more. */
    notify(): void {
      for (const listener of [...listeners]) listener();
    },
    /** Returns whether a signal has the same state as the newest one of its type about the user: then it tells nothing. */
    isKnown(event: ActivityEvent): boolean {
      const known = items.get(keyOf(event));
      return event.type !== 'receipt' && (known ? isPresent(known) : false) === isPresent(event);
    },
    /** Returns where a new subscriber begins. */
    start(): ActivityStart {
      const [first] = [...items.values()].filter(isPresent).slice(-maxPresent);
      return { position: first ? first.position - 1 : position, head: position };
    },
    /** Ends the source, with an error for everyone who follows it. */
    fail(error: Error): void {
      failure = error;
      for (const listener of [...listeners]) listener();
    },
  };

  function push(event: ActivityEvent, leftAt: number | null = null): void {
    const key = leftAt === null ? keyOf(event) : `left ${event.userId}`;
    prune();
    items.delete(key);
    items.set(key, { ...event, leftAt, position: ++position });
    if (leftAt !== null || !isPresent(event)) ended.set(position, { key, at: performance.now() });
  }

  function prune(): void {
    for (const [at, { key, at: since }] of ended) {
      if (performance.now() - since < keptMs) break;
      ended.delete(at);
      if (items.get(key)?.position === at) items.delete(key);
    }
  }

  function since(after: number, limit = Number.POSITIVE_INFINITY): Backlog<ActivityItem> {
    if (failure) throw failure;
    if (after >= position) return { entries: [], through: after, more: false };
    if (limit === 0) return { entries: [], through: after, more: true };
    const later = [...items.values()].filter((item) => item.position > after);
    const entries = later.slice(0, limit);
    const more = entries.length < later.length;
    return { entries, through: more ? (entries.at(-1)?.position ?? after) : position, more };
  }
}

/** See `createActivitySource`. */
export type ActivitySource = ReturnType<typeof createActivitySource>;
