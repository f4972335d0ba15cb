import type { Entry, EventOf, Logged, Outcome, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { selectEntries, toEntry } from '../infra/database/entries.ts';
import { addEntry, addHead, type Changeset } from './changeset.ts';
import { type DecidedMentions, decideMentionsOfSends, isRefused } from './mentions.ts';
import { type DecidedSend, type Place, placeSends } from './place-sends.ts';
import { judgeSends } from './refused-sends.ts';
import { isRich } from './steps.ts';

type MessageSent = Logged<EventOf<'MessageSent'>>;

/**
 * Applies a batch of sends, of which none repeats or replies to another of the batch.
 * @param query of the transaction that has locked the log's position
 * @param events all of them rich, or none
 */
export async function applySends(query: Query, events: readonly MessageSent[], changeset: Changeset): Promise<void> {
  const mentions = events.some(isRich) ? await decideMentionsOfSends(query, events) : noMentions;
  const sends = events.flatMap((event) => toSend(event, mentions.get(event.eventId)));
  const places = await placeSends(query, sends, false);
  const unplaced = await outcomesOfUnplaced(
    query,
    events.filter(({ messageId }) => !places.has(messageId)),
    mentions,
  );
  const slow = sends.filter(({ event }) => unplaced.get(event) === null);
  const slowPlaces = slow.length > 0 ? await placeSends(query, slow, true) : places;
  const mentionIds = new Map(sends.map((send) => [send.event, send.mentionIds]));
  for (const event of events) {
    const place = places.get(event.messageId) ?? slowPlaces.get(event.messageId);
    const outcome = place ? addPlaced(event, mentionIds.get(event) ?? [], place, changeset) : unplaced.get(event);
    if (!outcome) throw new Error('A send that is allowed was not placed.');
    changeset.outcomes.push({ event, outcome });
  }
}

const noMentions: ReadonlyMap<string, DecidedMentions> = new Map();

/** Returns the send to place; none if its mentions are refused. */
function toSend(event: MessageSent, mentions: DecidedMentions = []): DecidedSend[] {
  return isRefused(mentions) ? [] : [{ event, mentionIds: mentions }];
}

function addPlaced(event: MessageSent, mentionIds: readonly string[], place: Place, changeset: Changeset): Outcome {
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
  return { applied: true, entry };
}

/**
 * Returns the stored entry for a retry, before any rule is checked, and the rejection for any other send; null for one to a room
 * in slow mode that is allowed.
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
