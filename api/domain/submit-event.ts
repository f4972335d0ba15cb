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
import { type Database, DatabaseUnavailableError } from '../infra/database/database.ts';
import { type EntryRow, entryColumns, toEntry } from '../infra/database/entries.ts';
import type { EventLog } from '../infra/event-log/event-log.ts';
import type { PubSub, Unsubscribe } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';

type Draft<Event> = Event extends ChannelEvent ? Omit<Event, 'eventId' | 'gatewayId' | 'at'> : never;

/** An event as a rule of the domain makes it; `submit` adds its id, the gateway and the time. */
export type EventDraft = Draft<ChannelEvent>;

/**
 * Appends an event and waits for what became of it.
 * @returns the entry that it made or changed; null for an event that has none
 * @throws the refusal as its error; UnavailableError when the outcome is not known in time: the event may yet be applied
 */
export type Submit = (draft: EventDraft) => Promise<Entry | null>;

interface Waiter {
  event: ChannelEvent;
  settle(outcome: Outcome): void;
}

const lookupMs = 100;
/** Who has waited for so long is looked up each second: an outcome may be lost on its way, or its bridge be cut off. */
const overdueMs = 1_000;

/**
 * Waits for the outcomes of the events that this gateway appends. They come by pubsub; the database is asked at the deadline,
 * every 100 ms while pubsub is away, once it is back, and every second for those who wait for longer than that: for all in
 * one query.
 * @param options.timeoutMs how long one event is waited for, in milliseconds
 */
export function createSubmitEvent(options: {
  log: EventLog;
  pubsub: PubSub;
  database: Database;
  gatewayId: string;
  timeoutMs: number;
  logger: Logger;
}) {
  const { log, pubsub, database, gatewayId, timeoutMs, logger } = options;
  const waiting = new Map<string, Waiter>();
  let unsubscribe: Unsubscribe | undefined;
  let unhook: (() => void) | undefined;
  let overdueAt = 0;
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;

  async function submit(draft: EventDraft): Promise<Entry | null> {
    const event: ChannelEvent = { ...draft, eventId: randomUUID(), gatewayId, at: new Date().toISOString() };
    const outcome = await append(event);
    if (outcome.applied) return outcome.entry;
    throw rejectionError(outcome.rejection);
  }

  /** An outcome may be known before the append is: whichever says more comes first. */
  function append(event: ChannelEvent): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(
        () =>
          void lookUp([event])
            .catch(ignore)
            .then(() => fail(unknownOutcome())),
        timeoutMs,
      );
      const withdraw = () => {
        clearTimeout(deadline);
        waiting.delete(event.eventId);
      };
      const settle = (outcome: Outcome) => {
        withdraw();
        resolve(outcome);
      };
      const fail = (error: unknown) => {
        withdraw();
        reject(error);
      };
      waiting.set(event.eventId, { event, settle });
      log.append(encodeEvent(event)).catch(fail);
    });
  }

  async function lookUp(events: readonly ChannelEvent[]): Promise<void> {
    const found = await readOutcomes(database, events);
    for (const { eventId } of events) {
      const outcome = found.get(eventId);
      if (outcome) waiting.get(eventId)?.settle(outcome);
    }
  }

  function lookUpDue(): void {
    const now = Date.now();
    if (!pubsub.connected()) lookUpSince(now);
    else if (now >= overdueAt) {
      overdueAt = now + overdueMs;
      lookUpSince(now - overdueMs);
    }
  }

  /** Looks up who has waited at least since a time, in milliseconds since the epoch. */
  function lookUpSince(time: number): void {
    const events = [...waiting.values()].flatMap(({ event }) => (Date.parse(event.at) <= time ? [event] : []));
    if (events.length === 0 || looking) return;
    looking = lookUp(events)
      .catch((error: unknown) => {
        if (!(error instanceof DatabaseUnavailableError)) logger.error({ error }, 'could not look outcomes up');
      })
      .finally(() => {
        looking = undefined;
      });
  }

  return {
    submit: submit satisfies Submit,
    /** How many events wait for their outcome. */
    pending: () => waiting.size,
    /** Resolves once outcomes can arrive. */
    async start(): Promise<void> {
      unsubscribe = await pubsub.subscribe(outcomesTopic(gatewayId), (outcomes) => {
        for (const { eventId, outcome } of outcomes) waiting.get(eventId)?.settle(outcome);
      });
      unhook = pubsub.onReconnected(() => lookUpSince(Date.now()));
      timer = setInterval(lookUpDue, lookupMs);
    },
    async stop(): Promise<void> {
      clearInterval(timer);
      unhook?.();
      await unsubscribe?.();
      await looking;
    },
  };
}

async function readOutcomes(database: Database, events: readonly ChannelEvent[]): Promise<Map<string, Outcome>> {
  const stored = await database.query<{ eventId: string; body: Outcome }>(
    'SELECT event_id AS "eventId", body FROM outcome WHERE event_id = ANY($1::uuid[])',
    [events.map(({ eventId }) => eventId)],
  );
  const sends = events.flatMap((event) => (event.type === 'MessageSent' ? [event] : []));
  const rows = await database.query<EntryRow>(`SELECT ${entryColumns} FROM entry e WHERE e.id = ANY($1::uuid[])`, [
    sends.map(({ messageId }) => messageId),
  ]);
  const entries = new Map(rows.map((row) => [row.id, toEntry(row)]));
  const landed = sends.flatMap(({ eventId, messageId }): [string, Outcome][] => {
    const entry = entries.get(messageId);
    return entry ? [[eventId, { applied: true, entry }]] : [];
  });
  return new Map([...stored.map(({ eventId, body }): [string, Outcome] => [eventId, body]), ...landed]);
}

/** The error of a refusal. */
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

/** For a look-up that fails: what it was to find stays unknown. */
function ignore(): void {}

function unknownOutcome(): UnavailableError {
  return new UnavailableError(
    'It is not known yet whether this took effect. Try again; with the same clientId nothing happens twice.',
  );
}
