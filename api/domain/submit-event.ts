import { randomUUID } from 'node:crypto';
import {
  BadUserInputError,
  ConflictError,
  ForbiddenError,
  NotFoundError,
  type ParleyError,
  UnavailableError,
} from '../errors.ts';
import { type ChannelEvent, type Entry, encodeEvent, type Outcome, outcomesTopic, type Rejection } from '../events.ts';

import { ignore } from '../ignore.ts';

import type { Database } from '../infra/database/database.ts';
import { selectEntries, toEntry } from '../infra/database/entries.ts';
import { readOutcomes } from '../infra/database/outcomes.ts';

import type { EventLog } from '../infra/event-log/event-log.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { createSignalWatch } from '../live/signal-watch.ts';
import type { Logger } from '../logger.ts';

type Draft<Event> = Event extends ChannelEvent ? Omit<Event, 'eventId' | 'gatewayId' | 'at'> : never;

/** An event as a rule of the domain makes it; `submit` adds its id, the gateway and the time. */
export type EventDraft = Draft<ChannelEvent>;

/**
 * Appends an event to the log and waits for its outcome.
 * @returns the entry that the event made or changed; null if its type has none
 * @throws the rejection as an error; UnavailableError if the outcome is not known in time: the event may yet be applied
 */
export type Submit = (draft: EventDraft) => Promise<Entry | null>;

interface PendingEvent {
  event: ChannelEvent;
  settle(outcome: Outcome): void;
}

/** Milliseconds after which a pending event is overdue, and between two look-ups of overdue events. */
const overdueMs = 1_000;
/** Milliseconds between two look-ups of all pending events while pubsub is disconnected. */
const awayCheckMs = 100;

/**
 * Submits events and waits for their outcomes, which bridges publish as signals. A signal can be lost, so outcomes are also
 * read from the database: at each event's deadline; for overdue events every second; and for all events every 100 ms while
 * pubsub is disconnected and once it is back. One query reads the outcomes of many events.
 * @param options.timeoutMs milliseconds to wait for the outcome of one event
 */
export function createSubmitEvent(options: {
  log: Pick<EventLog, 'append'>;
  pubsub: PubSub;
  database: Database;
  gatewayId: string;
  timeoutMs: number;
  logger: Logger;
}) {
  const { log, pubsub, database, gatewayId, timeoutMs, logger } = options;
  const pending = new Map<string, PendingEvent>();
  const { start, stop } = createSignalWatch({
    pubsub,
    topic: outcomesTopic(gatewayId),
    onSignal: (outcomes) => {
      for (const { eventId, outcome } of outcomes) pending.get(eventId)?.settle(outcome);
    },
    checks: { subject: 'outcomes', check: lookUpPending, checkMs: overdueMs, awayCheckMs },
    logger,
  });

  return {
    submit: submit satisfies Submit,
    /** Returns the number of events that wait for their outcome. */
    pending: () => pending.size,
    /** Resolves once outcomes are received. */
    start,
    stop,
  };

  async function submit(draft: EventDraft): Promise<Entry | null> {
    const event: ChannelEvent = { ...draft, eventId: randomUUID(), gatewayId, at: new Date().toISOString() };
    const outcome = await append(event);
    if (outcome.applied) return outcome.entry;
    throw rejectionError(outcome.rejection);
  }

  /** The outcome may arrive before the log confirms the append: it settles the event then. */
  function append(event: ChannelEvent): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => void expire(), timeoutMs);
      const expire = async () => {
        await lookUp([event]).catch(ignore);
        fail(unknownOutcome());
      };
      const withdraw = () => {
        clearTimeout(deadline);
        pending.delete(event.eventId);
      };
      const settle = (outcome: Outcome) => {
        withdraw();
        resolve(outcome);
      };
      const fail = (error: unknown) => {
        withdraw();
        reject(error);
      };
      pending.set(event.eventId, { event, settle });
      log.append(encodeEvent(event)).catch(fail);
    });
  }

  /** Looks up every pending event if signals may have been missed, and overdue ones otherwise. */
  async function lookUpPending(wasAway: boolean): Promise<void> {
    const latest = wasAway ? Number.POSITIVE_INFINITY : Date.now() - overdueMs;
    const events = [...pending.values()].map(({ event }) => event).filter(({ at }) => Date.parse(at) <= latest);
    if (events.length > 0) await lookUp(events);
  }

  async function lookUp(events: readonly ChannelEvent[]): Promise<void> {
    const found = await findOutcomes(database, events);
    for (const { eventId } of events) {
      const outcome = found.get(eventId);
      if (outcome) pending.get(eventId)?.settle(outcome);
    }
  }
}

/** Returns the known outcomes of events: those that are stored, and the entries of accepted sends. */
async function findOutcomes({ query }: Database, events: readonly ChannelEvent[]): Promise<Map<string, Outcome>> {
  const outcomes = await readOutcomes(query, events);
  const sends = events.flatMap((event) => (event.type === 'MessageSent' ? [event] : []));
  const rows = await query(selectEntries, { ids: sends.map(({ messageId }) => messageId) });
  const entries = new Map(rows.map((row) => [row.id, toEntry(row)]));
  for (const { eventId, messageId } of sends) {
    const entry = entries.get(messageId);
    if (entry) outcomes.set(eventId, { applied: true, entry });
  }
  return outcomes;
}

/** Returns the error that a client receives for a rejection. */
export function rejectionError({ code, message }: Rejection): ParleyError {
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
    default:
      throw new Error(`unknown rejection ${code satisfies never}`);
  }
}

function unknownOutcome(): UnavailableError {
  return new UnavailableError(
    'It is not known yet whether this took effect. Try again; with the same clientId nothing happens twice.',
  );
}
