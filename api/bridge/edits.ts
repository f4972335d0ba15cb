import { isEmptyMessage, mayDelete, mayEdit } from '../domain/policies.ts';
import type { Entry, EventOf, Logged, Outcome, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { selectEntries, toEntry } from '../infra/database/entries.ts';
import { addEntry, addHead, type Changeset } from './changeset.ts';
import { channel, type EditFacts, member, readEditFacts } from './edit-facts.ts';
import { type DecidedMentions, decideMentions, isRefused } from './mentions.ts';
import { placeEdits, type Revision, replaceMentions } from './place-edits.ts';

type MessageEdited = Logged<EventOf<'MessageEdited'>>;

/**
 * Applies a batch of edits of different messages. Two statements, which are sent together, read the rows that decide, and another
 * one writes all edits; edits of mentions cost one more of each.
 * @param query of the transaction that has locked the log's position
 */
export async function applyEdits(query: Query, events: readonly MessageEdited[], changeset: Changeset): Promise<void> {
  const [facts, rows, mentions] = await Promise.all([
    readEditFacts(query, events),
    query(selectEntries, { ids: events.map(({ messageId }) => messageId) }),
    readMentions(query, events),
  ]);
  const messages = new Map(rows.map((row) => [row.id, toEntry(row)]));
  const decisions = facts.map((known, n) => decide(events[n] as MessageEdited, known, messages, mentions));
  const revisions = decisions.filter((decision) => 'event' in decision);
  const entries = await writeRevisions(query, revisions, changeset);
  for (const [n, event] of events.entries()) {
    const decision = decisions[n];
    if (decision === undefined) throw new Error('An edit has no facts.');
    const outcome = 'event' in decision ? applied(entries.get(event.messageId) ?? null) : decision;
    changeset.outcomes.push({ event, outcome });
  }
}

async function readMentions(query: Query, events: readonly MessageEdited[]) {
  const mentioning = events.flatMap((event) => (event.mentions ? [{ event, userIds: event.mentions.ids }] : []));
  return mentioning.length === 0 ? new Map<string, DecidedMentions>() : decideMentions(query, mentioning);
}

/** Decides about one edit: its outcome, or the revision to write. */
function decide(
  event: MessageEdited,
  facts: EditFacts,
  messages: ReadonlyMap<string, Entry>,
  mentions: ReadonlyMap<string, DecidedMentions>,
): Outcome | Revision {
  const found = messages.get(event.messageId);
  const before = found?.channelId === event.channelId ? found : null;
  const decided = mentions.get(event.eventId);
  const parts = before && revise(before, event, isRefused(decided) ? undefined : decided);
  const isRepeated = before !== null && parts !== null && before.deletedAt === null && isSame(before, parts);
  const actor = { channel: channel.of(facts), member: member.of(facts) };
  const asked = { ...actor, entry: before, userId: event.actorId, at: event.at };
  const rejection = (isRepeated && before.authorId === event.actorId ? mayDelete : mayEdit)(asked);
  if (rejection) return rejected(rejection);
  if (isRefused(decided)) return rejected(decided);
  if (isRepeated || before === null || parts === null) return applied(before);
  if (isStale(event, before, facts.revisedPosition)) return rejected(staleMessage);
  if (isEmptyMessage({ ...before, ...parts })) return rejected(emptyMessage);
  return { event, before, ...parts };
}

/** Returns the parts of a message after an edit. */
function revise(before: Entry, { text, data }: MessageEdited, mentionIds: readonly string[] | undefined) {
  return {
    text: text ?? before.text,
    data: data ? data.json : before.data,
    mentionIds: mentionIds ?? before.mentionIds,
  };
}

function isSame(before: Entry, after: Pick<Entry, 'text' | 'data' | 'mentionIds'>): boolean {
  const isMentioned = new Set(before.mentionIds);
  const hasSameMentions =
    isMentioned.size === after.mentionIds.length && after.mentionIds.every((id) => isMentioned.has(id));
  return before.text === after.text && before.data === after.data && hasSameMentions;
}

/** A bridge of the release before stores no position of an edit: then any later change counts. */
function isStale(event: MessageEdited, before: Entry, revisedPosition: number | null): boolean {
  if (event.ifPosition === null) return before.revision !== event.revision;
  return before.revision > 0 && (revisedPosition ?? before.position) > event.ifPosition;
}

/** Writes revisions, and returns the new states of the entries by their ids. */
async function writeRevisions(
  query: Query,
  revisions: readonly Revision[],
  changeset: Changeset,
): Promise<ReadonlyMap<string, Entry>> {
  const places = revisions.length === 0 ? [] : await placeEdits(query, revisions);
  const mentioning = revisions.filter(({ event }) => event.mentions !== null);
  if (mentioning.length > 0) await replaceMentions(query, mentioning);
  const entries = new Map<string, Entry>();
  for (const [n, { event, ...revision }] of revisions.entries()) {
    const place = places[n];
    if (place === undefined) throw new Error('The channel of an entry does not exist.');
    const entry = toRevised(revision, event.at, place.position);
    addEntry(changeset, entry);
    addHead(changeset, { id: event.channelId, ...place }, event);
    entries.set(entry.id, entry);
  }
  return entries;
}

function toRevised({ before, ...parts }: Omit<Revision, 'event'>, at: string, position: number): Entry {
  return { ...before, ...parts, position, editedAt: at, revision: before.revision + 1 };
}

const staleMessage: Rejection = {
  code: 'CONFLICT',
  message: 'The message has been edited since you loaded it. Load it again before you edit it.',
};
const emptyMessage: Rejection = {
  code: 'BAD_USER_INPUT',
  message: 'A message must keep a text, `data` or an attachment. Delete it instead.',
};

function applied(entry: Entry | null): Outcome {
  return { applied: true, entry };
}

function rejected(rejection: Rejection): Outcome {
  return { applied: false, rejection };
}
