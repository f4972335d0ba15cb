import type { EventOf, Logged, Outcome, ReactionEvent } from '../events.ts';
import type { Change } from './changes.ts';

type MessageSent = Logged<EventOf<'MessageSent'>>;
type MessageEdited = Logged<EventOf<'MessageEdited'>>;

/** Events that are applied together, or one event. */
export type Step =
  | { kind: 'sends'; events: MessageSent[] }
  | { kind: 'edits'; events: MessageEdited[] }
  | { kind: 'reactions'; events: Logged<ReactionEvent>[] }
  | { kind: 'change'; event: Logged<Change> }
  | { kind: 'known'; event: Logged; outcome: Outcome }
  | { kind: 'repeated'; event: Logged };

/** Indexes of the last steps that have events of a channel: of any step, and of one that a send must not go before. */
interface LastSteps {
  any: number;
  beforeSends: number;
}

/**
 * Splits events into steps, which are applied in order. An event joins an earlier step of its kind unless a step after that one
 * has events of its channel: the order matters within a channel only. Sends go before reactions to other messages, which do not
 * depend on them: both are batched where they alternate.
 * @param known stored outcomes of events
 */
export function toSteps(events: readonly Logged[], known: ReadonlyMap<string, Outcome>): Step[] {
  const steps: Step[] = [];
  const seen = new Set<string>();
  const lastSteps = new Map<string, LastSteps>();
  for (const event of events) {
    const outcome = known.get(event.eventId);
    if (seen.has(event.eventId)) steps.push({ kind: 'repeated', event });
    else if (outcome) steps.push({ kind: 'known', event, outcome });
    else lastSteps.set(event.channelId, addInOrder(steps, event, lastSteps.get(event.channelId)));
    seen.add(event.eventId);
  }
  return steps;
}

/** Adds an event after those of its channel that it must not go before. Returns the last steps of its channel. */
function addInOrder(
  steps: Step[],
  event: Logged,
  { any, beforeSends }: LastSteps = { any: 0, beforeSends: 0 },
): LastSteps {
  const index = addEvent(steps, event, event.type === 'MessageSent' ? beforeSends : any);
  return { any: Math.max(any, index), beforeSends: isReaction(event) ? beforeSends : index };
}

/** Adds an event to a step that is not before `first`, or as a new one. Returns the index of its step. */
function addEvent(steps: Step[], event: Logged, first: number): number {
  for (let index = steps.length - 1; index >= first; index--) {
    const step = steps[index];
    if (step && joinStep(step, event)) return index;
    if (step?.kind === 'reactions' && hasMessageOf(step.events, event)) break;
  }
  return steps.push(newStep(event)) - 1;
}

function newStep(event: Logged): Step {
  if (event.type === 'MessageSent') return { kind: 'sends', events: [event] };
  if (event.type === 'MessageEdited') return { kind: 'edits', events: [event] };
  if (isReaction(event)) return { kind: 'reactions', events: [event] };
  return { kind: 'change', event };
}

function isReaction(event: Logged): event is Logged<ReactionEvent> {
  return event.type === 'ReactionAdded' || event.type === 'ReactionRemoved';
}

/** Returns whether a send is of a message that had reactions before: they are refused. */
function hasMessageOf(events: readonly ReactionEvent[], event: Logged): boolean {
  return event.type === 'MessageSent' && events.some(({ messageId }) => messageId === event.messageId);
}

/**
 * Adds an event to a step if both are applied by the same statements, and the event does not depend on the step: a statement
 * does not see its own writes.
 */
function joinStep(step: Step, event: Logged): boolean {
  if (step.kind === 'sends' && event.type === 'MessageSent') return joinSends(step.events, event);
  if (step.kind === 'edits' && event.type === 'MessageEdited') return joinEdits(step.events, event);
  if (step.kind === 'reactions' && isReaction(event)) return step.events.push(event) > 0;
  return false;
}

function joinSends(events: MessageSent[], event: MessageSent): boolean {
  const isAlike = events[0] !== undefined && isRich(events[0]) === isRich(event);
  return isAlike && !refersTo(event, events) && events.push(event) > 0;
}

function joinEdits(events: MessageEdited[], event: MessageEdited): boolean {
  return events.every(({ messageId }) => messageId !== event.messageId) && events.push(event) > 0;
}

/** Returns whether a send has more than a text: the statement for such sends costs more. */
export function isRich({ attachments, data, mentionIds, mentionsAll }: EventOf<'MessageSent'>): boolean {
  return attachments.length > 0 || data !== null || mentionIds.length > 0 || mentionsAll;
}

/**
 * Returns whether a send repeats another, or has one of its files, or one of them replies to the other: a reply to a message that
 * comes later is refused, in one batch as in two.
 */
function refersTo(event: MessageSent, events: readonly MessageSent[]): boolean {
  const files = new Set(event.attachments.map(({ id }) => id));
  return events.some(
    ({ messageId, replyToId, attachments }) =>
      messageId === event.messageId ||
      messageId === event.replyToId ||
      replyToId === event.messageId ||
      attachments.some(({ id }) => files.has(id)),
  );
}
