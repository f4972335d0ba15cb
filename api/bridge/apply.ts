import type { EventOf, Logged, Outcome, ReactionEvent } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { storeOutcomes } from '../infra/database/outcomes.ts';
import { applyChange, type Change } from './changes.ts';
import { type Changeset, createChangeset } from './changeset.ts';
import { applyReactions } from './reactions.ts';
import { applySends } from './sends.ts';

/** Events that are applied together, or one event. */
type Step =
  | { kind: 'sends'; events: Logged<EventOf<'MessageSent'>>[] }
  | { kind: 'reactions'; events: Logged<ReactionEvent>[] }
  | { kind: 'change'; event: Logged<Change> }
  | { kind: 'known'; event: Logged; outcome: Outcome }
  | { kind: 'repeated'; event: Logged };

/**
 * Applies events in order. Nothing else writes channels, members and entries. An event whose outcome is stored gets that
 * outcome again and changes nothing.
 * @param query of the transaction that has locked the log's position
 * @param known stored outcomes of the events, read by this transaction after it had locked the position
 * @returns the changes, to be published after the commit
 */
export async function applyEvents(
  query: Query,
  events: readonly Logged[],
  known: ReadonlyMap<string, Outcome>,
): Promise<Changeset> {
  const changeset = createChangeset();
  for (const step of toSteps(events, known)) await applyStep(query, step, changeset);
  await storeOutcomes(query, changeset.outcomes.filter(needsStoring));
  return changeset;
}

/**
 * Splits events into steps. A batch of sends ends before a send that repeats or replies to another of the batch, or has one
 * of its files, because a statement does not see its own writes. Sends and reactions to other messages do not depend on each
 * other, so that both are batched where they alternate.
 */
function toSteps(events: readonly Logged[], known: ReadonlyMap<string, Outcome>): Step[] {
  const steps: Step[] = [];
  const seen = new Set<string>();
  for (const event of events) {
    const outcome = known.get(event.eventId);
    const isRepeated = seen.has(event.eventId);
    seen.add(event.eventId);
    if (isRepeated) steps.push({ kind: 'repeated', event });
    else if (outcome) steps.push({ kind: 'known', event, outcome });
    else if (event.type === 'MessageSent') addSend(steps, event);
    else if (isReaction(event)) addReaction(steps, event);
    else steps.push({ kind: 'change', event });
  }
  return steps;
}

function addSend(steps: Step[], event: Logged<EventOf<'MessageSent'>>): void {
  const step = steps.findLast(({ kind }) => kind !== 'reactions');
  if (step?.kind === 'sends' && takesSameStatement(event, step.events) && !refersTo(event, step.events))
    step.events.push(event);
  else steps.push({ kind: 'sends', events: [event] });
}

function addReaction(steps: Step[], event: Logged<ReactionEvent>): void {
  const { messageId } = event;
  const step = steps.findLast((one) => one.kind !== 'sends' || one.events.some((sent) => sent.messageId === messageId));
  if (step?.kind === 'reactions') step.events.push(event);
  else steps.push({ kind: 'reactions', events: [event] });
}

function isReaction(event: Logged): event is Logged<ReactionEvent> {
  return event.type === 'ReactionAdded' || event.type === 'ReactionRemoved';
}

/** The statement for sends with files costs more than the one for sends without. */
function takesSameStatement(
  { attachments }: EventOf<'MessageSent'>,
  [first]: readonly EventOf<'MessageSent'>[],
): boolean {
  return attachments.length > 0 === (first !== undefined && first.attachments.length > 0);
}

function refersTo(event: EventOf<'MessageSent'>, events: readonly EventOf<'MessageSent'>[]): boolean {
  const files = new Set(event.attachments.map(({ id }) => id));
  return events.some(
    ({ messageId, attachments }) =>
      messageId === event.messageId || messageId === event.replyToId || attachments.some(({ id }) => files.has(id)),
  );
}

async function applyStep(query: Query, step: Step, changeset: Changeset): Promise<void> {
  switch (step.kind) {
    case 'sends':
      return applySends(query, step.events, changeset);
    case 'reactions':
      return applyReactions(query, step.events, changeset);
    case 'change':
      return applyChange(query, step.event, changeset);
    case 'known':
      changeset.outcomes.push(step);
      return;
    case 'repeated':
      changeset.outcomes.push(
        ...changeset.outcomes.filter(({ event }) => event.eventId === step.event.eventId).slice(0, 1),
      );
      return;
    default:
      throw new Error(`unknown step ${JSON.stringify(step satisfies never)}`);
  }
}

/** The entry of an accepted send takes the place of its outcome. */
function needsStoring({ event, outcome }: Changeset['outcomes'][number]): boolean {
  return event.type !== 'MessageSent' || !outcome.applied;
}
