import type { ChannelEvent, Outcome } from '../../events.ts';
import type { Query } from './database.ts';
import { statement } from './statement.ts';
import { columns } from './table.ts';
import { tables } from './tables.ts';
import { arrayOf, json, uuid } from './types.ts';

/** Returns the stored outcomes of events by event id. An accepted send has none: its entry takes its place. */
export async function readOutcomes(query: Query, events: readonly ChannelEvent[]): Promise<Map<string, Outcome>> {
  const rows = await query(selectOutcomes, { eventIds: events.map(({ eventId }) => eventId) });
  return new Map(rows.map(({ eventId, body }) => [eventId, body]));
}

/**
 * Stores outcomes for an hour. An event whose outcome is stored keeps that outcome.
 * @param query of the transaction that applies the events
 */
export async function storeOutcomes(
  query: Query,
  outcomes: readonly { event: Pick<ChannelEvent, 'eventId'>; outcome: Outcome }[],
): Promise<void> {
  if (outcomes.length === 0) return;
  const rows = outcomes.map(({ event, outcome }) => ({ event_id: event.eventId, body: outcome }));
  await query(insertOutcomes, { outcomes: JSON.stringify(rows) });
}

const outcome = columns(tables.outcome, 'o', ['eventId', 'body']);

const selectOutcomes = statement({
  sql: `SELECT ${outcome.list} FROM outcome o WHERE o.event_id = ANY($eventIds)`,
  parameters: { eventIds: arrayOf(uuid) },
  row: { ...outcome.row, body: json<Outcome>() },
});

const insertOutcomes = statement({
  sql: `
    INSERT INTO outcome (event_id, body, expires_at)
    SELECT event_id, body, now() + interval '1 hour'
    FROM jsonb_to_recordset($outcomes) AS o(event_id uuid, body jsonb)
    ON CONFLICT DO NOTHING`,
  parameters: { outcomes: json<Outcome[]>() },
});
