import type { Entry, EventOf, Logged, Outcome, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { selectEntries, toEntry } from '../infra/database/entries.ts';
import { addEntry, addHead, addReply, type Changeset } from './changeset.ts';
import { acceptDirect } from './invitations.ts';
import { type DecidedMentions, decideMentionsOfSends, isRefused } from './mentions.ts';
import { type DecidedSend, type Place, placeSends } from './place-sends.ts';
import { judgeSends } from './refused-sends.ts';
import { isRich } from './steps.ts';

type MessageSent = Logged<EventOf<'MessageSent'>>;

/**
 * Applies a batch of sends, of which none repeats or replies to another of the batch. The statement for all of
 * them leaves out rooms in slow mode and invited authors, whose messages are judged one by one.
 * @param query of the transaction that has locked the log's position
 * @param events all of them rich, or none
 */
export async function applySends(query: Query, events: readonly MessageSent[], changeset: Changeset): Promise<void> {
  const mentions = events.some(isRich) ? await decideMentionsOfSends(query, events) : noMentions;
  const sends = events.flatMap((event) => toSend(event, mentions.get(event.eventId)));
  const places = await placeSends(query, sends, false);
  addPlaced(sends, places, changeset);
  const unplaced = await outcomesOfUnplaced(
    query,
    events.filter(({ messageId }) => !places.has(messageId)),
    mentions,
  );
  for (const [event, outcome] of unplaced) if (outcome) changeset.outcomes.push({ event, outcome });
  const allowed = sends.filter(({ event }) => unplaced.get(event) === null);
  if (allowed.length > 0) await applyAllowed(query, allowed, changeset);
}

/** Applies sends that the statement for all of them left out. They are placed now, and have higher positions. */
async function applyAllowed(query: Query, sends: readonly DecidedSend[], changeset: Changeset): Promise<void> {
  const places = await placeSends(query, sends, true);
  if (places.size < sends.length) throw new Error('A send that is allowed was not placed.');
  addPlaced(sends, places, changeset);
  const accepted = new Set<string>();
  for (const { event } of sends) {
    const key = `${event.channelId}:${event.actorId}`;
    if (!places.get(event.messageId)?.isAccepting || accepted.has(key)) continue;
    await acceptDirect(query, event, event.actorId, changeset);
    accepted.add(key);
  }
}

function addPlaced(sends: readonly DecidedSend[], places: ReadonlyMap<string, Place>, changeset: Changeset): void {
  for (const { event, mentionIds } of sends) {
    const place = places.get(event.messageId);
    if (place) changeset.outcomes.push({ event, outcome: addEntryOf(event, mentionIds, place, changeset) });
  }
}

const noMentions: ReadonlyMap<string, DecidedMentions> = new Map();

/** Returns the send to place; none if its mentions are refused. */
function toSend(event: MessageSent, mentions: DecidedMentions = []): DecidedSend[] {
  return isRefused(mentions) ? [] : [{ event, mentionIds: mentions }];
}

function addEntryOf(event: MessageSent, mentionIds: readonly string[], place: Place, changeset: Changeset): Outcome {
  const { channelId, actorId, clientId, text, replyToId, attachments, data, mentionsAll } = event;
  const { seq, position, version, replyToAuthorId } = place;
  const entry: Entry = {
    id: event.messageId,
    channelId,
    authorId: actorId,
    kind: 'TEXT',
    clientId,
    seq,
    position,
    text,
    replyToId,
    replyToAuthorId,
    replyCount: 0,
    attachments,
    reactions: [],
    data,
    mentionIds,
    mentionsAll,
    sentAt: event.at,
    editedAt: null,
    deletedAt: null,
    pinnedAt: null,
    revision: 0,
  };
  addEntry(changeset, entry);
  addHead(changeset, { id: channelId, position, seq, version }, event);
  addReply(changeset, entry, 1);
  return { applied: true, entry };
}

/**
 * Returns the stored entry for a retry, before any rule is checked, and the rejection for any other send; null for one that is allowed:
 * to a room in slow mode, or by an author who accepts a direct conversation by it.
 */
async function outcomesOfUnplaced(
  query: Query,
  events: readonly MessageSent[],
  mentions: ReadonlyMap<string, DecidedMentions>,
): Promise<ReadonlyMap<MessageSent, Outcome | null>> {
  if (events.length === 0) return new Map();
  const rows = await query(selectEntries, { ids: events.map(({ messageId }) => messageId) });
  const stored = new Map(rows.map((row) => [row.id, toEntry(row)]));
  const others = events.filter(({ messageId }) => !stored.has(messageId));
  const rejections =
    others.length > 0 ? await judgeSends(query, others, mentions) : new Map<MessageSent, Rejection | null>();
  return new Map(
    events.map((event) => {
      const entry = stored.get(event.messageId);
      const rejection = rejections.get(event) ?? null;
      return [event, entry ? { applied: true, entry } : rejection && { applied: false, rejection }];
    }),
  );
}
