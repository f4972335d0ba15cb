import type { ChannelEvent, Outcome } from '../../events.ts';
import type { Query } from './database.ts';
import { selectEntries, toEntry } from './entries.ts';
import { statement } from './statement.ts';
import { columns, type Row } from './table.ts';
import { tables } from './tables.ts';
import { arrayOf, json, nullable, uuid } from './types.ts';

/**
 * Returns the stored outcomes of events by event id; an entry is in its newest state. An accepted send has none: its entry
 * takes its place.
 */
export async function readOutcomes(query: Query, eventIds: readonly string[]): Promise<Map<string, Outcome>> {
  const rows = await query(selectOutcomes, { eventIds });
  const ids = rows.flatMap((row) => entryIdOf(row) ?? []);
  const entries = ids.length === 0 ? [] : await query(selectEntries, { ids });
  const entryById = new Map(entries.map((row) => [row.id, toEntry(row)]));
  return new Map(rows.map((row) => [row.eventId, toOutcome(row, entryById.get(entryIdOf(row) ?? ''))]));
}

/**
 * Stores outcomes for an hour, without entries. An event whose outcome is stored keeps that outcome.
 * @param query of the transaction that applies the events
 */
export async function storeOutcomes(
  query: Query,
  outcomes: readonly { event: Pick<ChannelEvent, 'eventId'>; outcome: Outcome }[],
): Promise<void> {
  if (outcomes.length === 0) return;
  const entryIds = outcomes.map(({ outcome }) => (outcome.applied ? (outcome.entry?.id ?? null) : null));
  await query(insertOutcomes, {
    eventIds: outcomes.map(({ event }) => event.eventId),
    bodies: outcomes.map(({ outcome }, n) => (entryIds[n] ? null : JSON.stringify(outcome))),
    entryIds,
  });
}

/** Returns the id of an outcome's entry, which the release before stored in the body; null if there is no entry. */
function entryIdOf({ entryId, body }: StoredOutcome): string | null {
  return entryId ?? (body?.applied ? (body.entry?.id ?? null) : null);
}

function toOutcome(row: StoredOutcome, entry: ReturnType<typeof toEntry> | undefined): Outcome {
  if (entry) return { applied: true, entry };
  return row.body && entryIdOf(row) === null ? row.body : entryIsGone;
}

const entryIsGone: Outcome = {
  applied: false,
  rejection: { code: 'NOT_FOUND', message: 'The message no longer exists.' },
};

const outcome = columns(tables.outcome, 'o', ['eventId', 'body', 'entryId']);
const outcomeRow = { ...outcome.row, body: nullable(json<Outcome>()) };
type StoredOutcome = Row<typeof outcomeRow>;

const selectOutcomes = statement({
  sql: `SELECT ${outcome.list} FROM outcome o WHERE o.event_id = ANY($eventIds)`,
  parameters: { eventIds: arrayOf(uuid) },
  row: outcomeRow,
});

/**
 * The body of an outcome with an entry is null. Processes of releases that stored the entry in the body take such an outcome
 * for one that is not known yet: they wait, and the client's retry finds the change made.
 */
const insertOutcomes = statement({
  sql: `
    INSERT INTO outcome (event_id, body, entry_id, expires_at)
    SELECT o.event_id, o.body, o.entry_id, now() + interval '1 hour'
    FROM unnest($eventIds, $bodies, $entryIds) AS o(event_id, body, entry_id)
    ON CONFLICT DO NOTHING`,
  parameters: {
    eventIds: arrayOf(uuid),
    bodies: arrayOf(nullable(json<unknown>())),
    entryIds: arrayOf(nullable(uuid)),
  },
});
