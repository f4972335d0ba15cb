import { mayReact, mayTakeBackReaction, tooManyReactionKinds } from '../domain/policies.ts';
import type { Entry, Logged, LogPlace, Outcome, ReactionEvent } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { selectEntries, toEntry } from '../infra/database/entries.ts';
import { type Changeset, latestPlace } from './changeset.ts';
import { channel, member } from './edit-facts.ts';
import { type ReactionFacts, readReactionFacts } from './reaction-facts.ts';
import { createReactionTally } from './reaction-tally.ts';
import { writeReactions } from './reaction-writes.ts';

/** A message with the changes of its reactions. */
interface Reacted {
  entry: Entry;
  place: LogPlace;
  tally: ReturnType<typeof createReactionTally>;
}

/**
 * Applies a batch of reactions in order. Those that change one message together give it one new position. Their outcomes have
 * no entry: a message with many reactions is large, and a thousand outcomes would repeat it. A single reaction to a message has
 * one, which saves its gateway a look-up.
 * @param query of the transaction that has locked the log's position
 */
export async function applyReactions(
  query: Query,
  events: readonly Logged<ReactionEvent>[],
  changeset: Changeset,
): Promise<void> {
  const ids = [...new Set(events.map(({ messageId }) => messageId))];
  const [facts, rows] = await Promise.all([readReactionFacts(query, events), query(selectEntries, { ids })]);
  const messages = new Map(rows.map((row) => [row.id, toEntry(row)]));
  const changed = new Map<string, Reacted>();
  const decided = events.map((event, n) => {
    const entry = messages.get(event.messageId) ?? null;
    return { event, outcome: decide(event, entry, facts[n], changed, changeset) };
  });
  const left = [...changed.values()].map(({ tally, ...message }) => ({ ...message, changes: tally.changes() }));
  const written = await writeReactions(
    query,
    left.filter(({ changes }) => changes.added.length + changes.removed.length > 0),
    changeset,
  );
  addOutcomes(decided, new Map([...messages, ...written]), changeset);
}

/** Adds outcomes, with the entry where an event is the only one of its message. */
function addOutcomes(
  decided: readonly { event: Logged<ReactionEvent>; outcome: Outcome }[],
  entries: ReadonlyMap<string, Entry>,
  { outcomes }: Changeset,
): void {
  const repeated = repeatedIds(decided.map(({ event }) => event));
  for (const { event, outcome } of decided) {
    const entry = repeated.has(event.messageId) ? null : (entries.get(event.messageId) ?? null);
    outcomes.push({ event, outcome: outcome.applied ? { applied: true, entry } : outcome });
  }
}

/** Returns the ids of the messages of more than one event. */
function repeatedIds(events: readonly ReactionEvent[]): ReadonlySet<string> {
  const seen = new Set<string>();
  return new Set(events.map(({ messageId }) => messageId).filter((id) => seen.has(id) || !seen.add(id)));
}

function decide(
  event: Logged<ReactionEvent>,
  found: Entry | null,
  facts: ReactionFacts | undefined,
  changed: Map<string, Reacted>,
  changeset: Changeset,
): Outcome {
  const { messageId, emoji, actorId: userId, type } = event;
  if (facts === undefined) throw new Error('A reaction has no facts.');
  const { isStored, isBlocked } = facts;
  const known = channel.of(facts);
  const actor = { channel: known && { ...known, isBlocked }, member: member.of(facts) };
  const entry = found?.channelId === event.channelId ? found : null;
  const isAdded = type === 'ReactionAdded';
  const rejection = (isAdded ? mayReact : mayTakeBackReaction)({ ...actor, entry, at: event.at });
  if (rejection) return { applied: false, rejection };
  if (entry === null) throw new Error('The rules allow no reaction to a message that does not exist.');
  const { tally } = changed.get(messageId) ?? { tally: createReactionTally(entry.reactions) };
  changed.set(messageId, { entry, tally, place: latestPlace(changeset, event) });
  const isDone = tally.set({ emoji, userId }, isAdded, isStored);
  return isDone ? { applied: true, entry: null } : { applied: false, rejection: tooManyReactionKinds };
}
