import { UnavailableError } from '../errors.ts';
import type { Outcome } from '../events.ts';

/** An event whose outcome somebody waits for. */
export interface PendingEvent {
  eventId: string;
  /** Id of the message that a send makes; null for other events. */
  messageId: string | null;
  /** Size of the event's record, in bytes. */
  bytes: number;
  /** Times by `performance.now()`: when it became pending, and when it fails at the latest. */
  since: number;
  deadline: number;
  settle(outcome: Outcome): void;
  fail(error: unknown): void;
}

/** Maximum number of pending events of a node, and of the bytes of their records. */
export interface PendingBounds {
  events: number;
  bytes: number;
}

/** Milliseconds between two rounds, and between the last look-up of an event and its deadline. */
const roundMs = 100;
const lastLookUpMs = 1_000;
/** With a short timeout both are these fractions of it (1/20 and 1/4). */
const roundShare = 20;
const lastLookUpShare = 4;
/** Maximum number of events in one look-up. */
const maxLookedUp = 1_000;

/**
 * Creates the pending events of a node. One timer serves all of them: each round gathers the events whose deadline is near
 * for one look-up, and fails those whose deadline has come, up to one round early. One look-up runs at a time, so that a
 * database that does not respond costs one statement, and events fail at their deadline without it.
 * @param options.timeoutMs longest time that an event is pending, in milliseconds
 * @param options.find settles those of at most 1,000 events whose outcome is known
 * @param options.late returns the error of an event whose outcome is not known in time
 * @param options.onRefused called when a bound is reached
 */
export function createPendingEvents(options: {
  timeoutMs: number;
  bounds: PendingBounds;
  find(events: readonly PendingEvent[]): Promise<void>;
  late(): Error;
  onRefused(): void;
}) {
  const { timeoutMs, bounds, find, late, onRefused } = options;
  const intervalMs = Math.min(roundMs, timeoutMs / roundShare);
  const lookUpMs = Math.min(lastLookUpMs, timeoutMs / lastLookUpShare) + intervalMs;
  const pending = new Map<string, PendingEvent>();
  /** Events that were looked up shortly before their deadline. */
  const closing = new WeakSet<PendingEvent>();
  /** Events that wait for the next look-up. */
  const asked = new Set<PendingEvent>();
  let bytes = 0;
  let isTimed = false;
  let looking: Promise<void> | null = null;

  return {
    /** @throws UnavailableError when too many events are pending */
    add(event: PendingEvent): void {
      if (pending.size >= bounds.events || bytes + event.bytes > bounds.bytes) {
        onRefused();
        throw new UnavailableError('The server is overloaded, so nothing was changed. Try again in a moment.');
      }
      bytes += event.bytes;
      pending.set(event.eventId, event);
      if (!isTimed) setTimer();
    },
    get: (eventId: string): PendingEvent | undefined => pending.get(eventId),
    /** Removes an event that is settled or has failed. */
    remove(event: PendingEvent): void {
      if (pending.delete(event.eventId)) bytes -= event.bytes;
    },
    /** Looks up the events that have been pending for some milliseconds. */
    async lookUpOlder(ageMs: number): Promise<void> {
      const latest = performance.now() - ageMs;
      await lookUp([...pending.values()].filter(({ since }) => since <= latest));
    },
    size: () => pending.size,
    bytes: () => bytes,
  };

  function setTimer(): void {
    isTimed = true;
    setTimeout(round, intervalMs);
  }

  function round(): void {
    const now = performance.now();
    const near: PendingEvent[] = [];
    for (const event of pending.values()) {
      if (event.deadline <= now + intervalMs) event.fail(late());
      else if (event.deadline <= now + lookUpMs && !closing.has(event)) near.push(event);
    }
    for (const event of near) closing.add(event);
    // A failure is that of the database: the periodic look-up reports it.
    lookUp(near).catch(() => {});
    isTimed = false;
    if (pending.size > 0) setTimer();
  }

  function lookUp(events: readonly PendingEvent[]): Promise<void> {
    for (const event of events) asked.add(event);
    looking ??= lookUpAsked().finally(() => {
      looking = null;
    });
    return looking;
  }

  async function lookUpAsked(): Promise<void> {
    try {
      for (let events = takeAsked(); events.length > 0; events = takeAsked()) await find(events);
    } finally {
      asked.clear();
    }
  }

  /** Returns the next events to look up, without those that need it no longer. */
  function takeAsked(): PendingEvent[] {
    const taken: PendingEvent[] = [];
    for (const event of asked) {
      if (taken.length === maxLookedUp) break;
      asked.delete(event);
      if (pending.has(event.eventId)) taken.push(event);
    }
    return taken;
  }
}
