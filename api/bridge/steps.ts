import type { EventOf, Logged, Outcome } from '../events.ts';
import type { Change } from './changes.ts';

type MessageSent = Logged<EventOf<'MessageSent'>>;
type MessageEdited = Logged<EventOf<'MessageEdited'>>;

/** Events that are applied together, or one event. */
export type Step =
  | { kind: 'sends'; events: MessageSent[] }
  | { kind: 'edits'; events: MessageEdited[] }
  | { kind: 'change'; event: Logged<Change> }
  | { kind: 'known'; event: Logged; outcome: Outcome }
  | { kind: 'repeated'; event: Logged };

/**
 * Splits events into steps, which are applied in order. An event joins an earlier step of its kind unless a step after that one
 * has events of its channel: the order matters within a channel only.
 * @param known stored outcomes of events
 */
export function toSteps(events: readonly Logged[], known: ReadonlyMap<string, Outcome>): Step[] {
  const steps: Step[] = [];
  const seen = new Set<string>();
  /** Index of the last step that has events of a channel. */
  const lastSteps = new Map<string, number>();
  for (const event of events) {
    const outcome = known.get(event.eventId);
    if (seen.has(event.eventId)) steps.push({ kind: 'repeated', event });
    else if (outcome) steps.push({ kind: 'known', event, outcome });
    else lastSteps.set(event.channelId, addEvent(steps, event, lastSteps.get(event.channelId) ?? 0));
    seen.add(event.eventId);
  }
  return steps;
}

/** Adds an event to a step that is not before `first`, or as a new one. Returns the index of its step. */
function addEvent(steps: Step[], event: Logged, first: number): number {
  for (let index = steps.length - 1; index >= first; index--) {
    const step = steps[index];
    if (step && joinStep(step, event)) return index;
  }
  return steps.push(newStep(event)) - 1;
}

function newStep(event: Logged): Step {
  if (event.type === 'MessageSent') return { kind: 'sends', events: [event] };
  if (event.type === 'MessageEdited') return { kind: 'edits', events: [event] };
  return { kind: 'change', event };
}

/**
 * Adds an event to a step if both are applied by the same statements, and the event does not depend on the step: a statement
 * does not see its own writes.
 */
function joinStep(step: Step, event: Logged): boolean {
  if (step.kind === 'sends' && event.type === 'MessageSent') return joinSends(step.events, event);
  if (step.kind === 'edits' && event.type === 'MessageEdited') return joinEdits(step.events, event);
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

/** Returns whether a send repeats or replies to another, or has one of its files. */
function refersTo(event: MessageSent, events: readonly MessageSent[]): boolean {
  const files = new Set(event.attachments.map(({ id }) => id));
  return events.some(
    ({ messageId, attachments }) =>
      messageId === event.messageId || messageId === event.replyToId || attachments.some(({ id }) => files.has(id)),
  );
}
