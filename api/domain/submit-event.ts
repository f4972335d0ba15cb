import { randomUUID } from 'node:crypto';
import {
  BadUserInputError,
  ConflictError,
  ForbiddenError,
  NotFoundError,
  type ParleyError,
  RateLimitedError,
  UnavailableError,
} from '../errors.ts';
import { encodeEvent } from '../event-records.ts';
import { type Entry, type NewEvent, type Outcome, outcomesTopic, type Rejection } from '../events.ts';
import type { Database, Query } from '../infra/database/database.ts';
import { selectEntries, toEntry } from '../infra/database/entries.ts';
import { readOutcomes } from '../infra/database/outcomes.ts';
import type { EventLog } from '../infra/event-log/event-log.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { createSignalWatch } from '../live/signal-watch.ts';
import type { Logger } from '../logger.ts';
import { createPendingEvents, type PendingEvent } from './pending-events.ts';

type Draft<Event> = Event extends NewEvent ? Omit<Event, 'eventId' | 'gatewayId' | 'at'> : never;

/** An event as a rule of the domain makes it; `submit` adds its id, the gateway and the time. */
export type EventDraft = Draft<NewEvent>;

/**
 * Appends an event to the log and waits for its outcome.
 * @param deadline time by `performance.now()` at which the request of the event fails; without one, only the timeout of sends
 *   bounds the wait
 * @returns the entry that the event made or changed; null if its type has none
 * @throws the rejection as an error; UnavailableError if the deadline has passed or too many events are pending, so that
 *   nothing happens, or if the outcome is not known in time: the event may yet be applied
 */
export type Submit = (draft: EventDraft, deadline?: number) => Promise<Entry | null>;

/** Milliseconds after which a pending event is overdue, and between two look-ups of overdue events. */
const overdueMs = 1_000;
/** Milliseconds between two look-ups of all pending events while pubsub is disconnected. */
const awayCheckMs = 100;
/** Maximum bytes of the records of pending events: as much as thousands of long messages. */
const maxPendingBytes = 67_108_864;

/**
 * Submits events and waits for their outcomes, which bridges publish as signals. A signal can be lost, so outcomes are also
 * read from the database: shortly before each event's deadline; for overdue events every second; and for all events every
 * 100 ms while pubsub is disconnected and once it is back. One look-up reads the outcomes of many events.
 * @param options.timeoutMs milliseconds to wait for the outcome of one event
 * @param options.maxPending maximum number of events that wait for their outcome
 * @param options.onRefused called with `pending_events` for each event that is refused because too many wait
 */
export function createSubmitEvent(options: {
  log: Pick<EventLog, 'append'>;
  pubsub: PubSub;
  database: Pick<Database, 'query'>;
  gatewayId: string;
  timeoutMs: number;
  maxPending: number;
  onRefused(limit: string): void;
  logger: Logger;
}) {
  const { log, pubsub, database, gatewayId, timeoutMs, onRefused, logger } = options;
  const pending = createPendingEvents({
    timeoutMs,
    bounds: { events: options.maxPending, bytes: maxPendingBytes },
    find,
    late: unknownOutcome,
    onRefused: () => onRefused('pending_events'),
  });
  const { start, stop } = createSignalWatch({
    pubsub,
    topic: outcomesTopic(gatewayId),
    onSignal: (outcomes) => {
      for (const { eventId, outcome } of outcomes) pending.get(eventId)?.settle(outcome);
    },
    checks: {
      subject: 'outcomes',
      // Signals may have been missed if pubsub was away: then every event is looked up.
      check: (wasAway) => pending.lookUpOlder(wasAway ? 0 : overdueMs),
      checkMs: overdueMs,
      awayCheckMs,
    },
    logger,
  });

  return {
    submit: submit satisfies Submit,
    /** Returns the number of events that wait for their outcome. */
    pending: pending.size,
    /** Returns the bytes of their records. */
    pendingBytes: pending.bytes,
    /** Resolves once outcomes are received. */
    start,
    stop,
  };

  async function submit(draft: EventDraft, deadline = Number.POSITIVE_INFINITY): Promise<Entry | null> {
    if (deadline <= performance.now()) throw tooLate();
    const event: NewEvent = { ...draft, eventId: randomUUID(), gatewayId, at: new Date().toISOString() };
    const outcome = await append(event, deadline);
    if (outcome.applied) return outcome.entry;
    throw rejectionError(outcome.rejection);
  }

  /** The outcome may arrive before the log confirms the append: it settles the event then. */
  function append(event: NewEvent, deadline: number): Promise<Outcome> {
    const record = encodeEvent(event);
    return new Promise((resolve, reject) => {
      const since = performance.now();
      const waiting: PendingEvent = {
        eventId: event.eventId,
        messageId: event.type === 'MessageSent' ? event.messageId : null,
        bytes: record.value.byteLength,
        since,
        deadline: Math.min(deadline, since + timeoutMs),
        settle(outcome) {
          pending.remove(waiting);
          resolve(outcome);
        },
        fail(error) {
          pending.remove(waiting);
          reject(error);
        },
      };
      pending.add(waiting);
      log.append(record).catch(waiting.fail);
    });
  }

  async function find(events: readonly PendingEvent[]): Promise<void> {
    const found = await findOutcomes(database.query, events);
    for (const { eventId, settle } of events) {
      const outcome = found.get(eventId);
      if (outcome) settle(outcome);
    }
  }
}

/** Returns the known outcomes of events: those that are stored, and the entries of accepted sends. */
async function findOutcomes(query: Query, events: readonly PendingEvent[]): Promise<Map<string, Outcome>> {
  const outcomes = await readOutcomes(
    query,
    events.map(({ eventId }) => eventId),
  );
  const ids = events.flatMap(({ messageId }) => messageId ?? []);
  if (ids.length === 0) return outcomes;
  const rows = await query(selectEntries, { ids });
  const entries = new Map(rows.map((row) => [row.id, toEntry(row)]));
  for (const { eventId, messageId } of events) {
    const entry = messageId === null ? undefined : entries.get(messageId);
    if (entry) outcomes.set(eventId, { applied: true, entry });
  }
  return outcomes;
}

/** Returns the error that a client receives for a rejection. */
export function rejectionError(rejection: Rejection): ParleyError {
  const { code, message } = rejection;
  switch (code) {
    case 'NOT_FOUND':
      return new NotFoundError(message);
    case 'FORBIDDEN':
      return new ForbiddenError(message);
    case 'CONFLICT':
      return new ConflictError(message);
    case 'BAD_USER_INPUT':
      return new BadUserInputError([{ path: 'input', message }]);
    case 'UNAVAILABLE':
      return new UnavailableError(message);
    case 'RATE_LIMITED':
      return new RateLimitedError(message, rejection.retryAfterMs);
    default:
      throw new Error(`unknown rejection ${code satisfies never}`);
  }
}

function tooLate(): UnavailableError {
  return new UnavailableError('The request took too long before anything was changed. Try again.');
}

function unknownOutcome(): UnavailableError {
  return new UnavailableError(
    'It is not known yet whether this took effect. Try again; with the same clientId nothing happens twice.',
  );
}
