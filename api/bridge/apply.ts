import type { ChannelEvent, EventOf, Outcome } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { applyChange, type Change } from './changes.ts';
import { type Changeset, createChangeset } from './changeset.ts';
import { applySends } from './sends.ts';

/** What is applied by one statement or one change. */
type Step =
  | { kind: 'sends'; events: EventOf<'MessageSent'>[] }
  | { kind: 'change'; event: Change }
  | { kind: 'known'; event: ChannelEvent; outcome: Outcome }
  | { kind: 'repeated'; event: ChannelEvent };

/**
 * Applies events, in order, within the transaction that holds the log's position: the only writer of channels, members
 * and entries. An event whose outcome is stored has that outcome again and changes nothing.
 * @param query of that transaction
 * @param known the outcomes of theirs that are stored, as this transaction read them after it had locked the position
 * @returns what changed, to be published after the commit
 */
export async function applyEvents(
  query: Query,
  events: readonly ChannelEvent[],
  known: ReadonlyMap<string, Outcome>,
): Promise<Changeset> {
  const applied = createChangeset();
  for (const step of toSteps(events, known)) await applyStep(query, step, applied);
  await storeOutcomes(query, applied.outcomes.filter(isToBeStored));
  return applied;
}

/**
 * Stores outcomes for an hour; one that is stored already stays.
 * @param query of the transaction that applies the events
 */
export async function storeOutcomes(
  query: Query,
  outcomes: readonly { event: Pick<ChannelEvent, 'eventId'>; outcome: Outcome }[],
): Promise<void> {
  if (outcomes.length === 0) return;
  await query(
    `INSERT INTO outcome (event_id, body, expires_at)
     SELECT event_id, body, now() + interval '1 hour' FROM jsonb_to_recordset($1::jsonb) AS o(event_id uuid, body jsonb)
     ON CONFLICT DO NOTHING`,
    [JSON.stringify(outcomes.map(({ event, outcome }) => ({ event_id: event.eventId, body: outcome })))],
  );
}

/** Outcomes that are stored, by the event's id. */
export async function readOutcomes(query: Query, events: readonly ChannelEvent[]): Promise<Map<string, Outcome>> {
  const rows = await query<{ eventId: string; body: Outcome }>(
    'SELECT event_id AS "eventId", body FROM outcome WHERE event_id = ANY($1::uuid[])',
    [events.map(({ eventId }) => eventId)],
  );
  return new Map(rows.map(({ eventId, body }) => [eventId, body]));
}

/** A run of sends ends where one repeats or answers another of the run, or names the same file: a statement sees what was there before it alone. */
function toSteps(events: readonly ChannelEvent[], known: ReadonlyMap<string, Outcome>): Step[] {
  const steps: Step[] = [];
  const seen = new Set<string>();
  for (const event of events) {
    const outcome = known.get(event.eventId);
    const last = steps.at(-1);
    const isRepeated = seen.has(event.eventId);
    seen.add(event.eventId);
    if (isRepeated) steps.push({ kind: 'repeated', event });
    else if (outcome) steps.push({ kind: 'known', event, outcome });
    else if (event.type !== 'MessageSent') steps.push({ kind: 'change', event });
    else if (last?.kind === 'sends' && isAlike(event, last.events) && !refersTo(event, last.events))
      last.events.push(event);
    else steps.push({ kind: 'sends', events: [event] });
  }
  return steps;
}

/** Those with files take more than those without. */
function isAlike({ attachments }: EventOf<'MessageSent'>, [first]: readonly EventOf<'MessageSent'>[]): boolean {
  return attachments.length > 0 === (first !== undefined && first.attachments.length > 0);
}

function refersTo(event: EventOf<'MessageSent'>, events: readonly EventOf<'MessageSent'>[]): boolean {
  const files = new Set(event.attachments.map(({ id }) => id));
  return events.some(
    ({ messageId, attachments }) =>
      messageId === event.messageId || messageId === event.replyToId || attachments.some(({ id }) => files.has(id)),
  );
}

async function applyStep(query: Query, step: Step, applied: Changeset): Promise<void> {
  switch (step.kind) {
    case 'sends':
      return applySends(query, step.events, applied);
    case 'change':
      return applyChange(query, step.event, applied);
    case 'known':
      applied.outcomes.push(step);
      return;
    case 'repeated':
      applied.outcomes.push(
        ...applied.outcomes.filter(({ event }) => event.eventId === step.event.eventId).slice(0, 1),
      );
      return;
    default:
      throw new Error(`unknown step ${JSON.stringify(step satisfies never)}`);
  }
}

/** An accepted send is told by its entry. */
function isToBeStored({ event, outcome }: Changeset['outcomes'][number]): boolean {
  return event.type !== 'MessageSent' || !outcome.applied;
}
