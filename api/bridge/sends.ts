import { maySend } from '../domain/policies.ts';
import type { Entry, EventOf, Logged, Outcome, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { selectEntries, toEntry } from '../infra/database/entries.ts';
import { addEntry, addHead, type Changeset } from './changeset.ts';
import { type EventContext, readEventContext } from './event-context.ts';
import { acceptDirect } from './invitations.ts';
import { type Place, placeSends } from './place-sends.ts';

type MessageSent = Logged<EventOf<'MessageSent'>>;

/**
 * Applies a batch of sends, of which none repeats or replies to another of the batch. The statement for all of them places no message of
 * an invited member: such a message accepts the invitation, and is placed by itself.
 * @param query of the transaction that has locked the log's position
 * @param events sends that all have files or all have none
 */
export async function applySends(query: Query, events: readonly MessageSent[], changeset: Changeset): Promise<void> {
  const places = await placeSends(query, events);
  for (const [index, event] of events.entries()) {
    const place = places.get(index);
    if (place) changeset.outcomes.push({ event, outcome: addPlaced(event, place, changeset) });
  }
  // Those that are placed now have higher positions.
  const unplaced = events.filter((_, index) => !places.has(index));
  changeset.outcomes.push(...(await outcomesOfUnplaced(query, unplaced, changeset)));
}

function addPlaced(event: MessageSent, place: Place, changeset: Changeset): Outcome {
  const { channelId, actorId, clientId, text, replyToId, attachments } = event;
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
    sentAt: event.at,
    editedAt: null,
    deletedAt: null,
    revision: 0,
  };
  addEntry(changeset, entry);
  addHead(changeset, { id: channelId, position, seq, version }, event);
  return { applied: true, entry };
}

/**
 * Returns the stored entry for a retry, before any rule is checked, and the rejection for any other send that does not accept an
 * invitation.
 */
async function outcomesOfUnplaced(
  query: Query,
  events: readonly MessageSent[],
  changeset: Changeset,
): Promise<Changeset['outcomes']> {
  if (events.length === 0) return [];
  const outcomes: Changeset['outcomes'] = [];
  const rows = await query(selectEntries, { ids: events.map(({ messageId }) => messageId) });
  const stored = new Map(rows.map((row) => [row.id, toEntry(row)]));
  /** Channels of direct conversations that this batch accepts, with the user. */
  const accepted = new Set<string>();
  for (const event of events) {
    const entry = stored.get(event.messageId);
    const outcome: Outcome = entry
      ? { applied: true, entry }
      : await placeOrReject(query, event, { accepted, changeset });
    outcomes.push({ event, outcome });
  }
  return outcomes;
}

/** Places a message by which its author accepts a direct conversation, and those that follow it. */
async function placeOrReject(
  query: Query,
  event: MessageSent,
  { accepted, changeset }: { accepted: Set<string>; changeset: Changeset },
): Promise<Outcome> {
  const context = await readEventContext(query, event);
  const key = `${event.channelId}:${event.actorId}`;
  const isAccepting = context.actor?.state === 'INVITED' && refusalOf(event, context) === null;
  const place = isAccepting || accepted.has(key) ? (await placeSends(query, [event], true)).get(0) : undefined;
  if (place === undefined) return { applied: false, rejection: rejectionOf(event, context) };
  const outcome = addPlaced(event, place, changeset);
  if (isAccepting) await acceptDirect(query, event, event.actorId, changeset);
  accepted.add(key);
  return outcome;
}

/** Checks the rules in the same order as the gateway. */
function rejectionOf(event: MessageSent, context: EventContext): Rejection {
  const isReplyMissing = event.replyToId !== null && context.entry?.kind !== 'TEXT';
  return refusalOf(event, context) ?? (isReplyMissing ? invalidReply : fileTaken);
}

function refusalOf({ at, attachments }: MessageSent, { channel, actor }: EventContext): Rejection | null {
  return maySend(channel, actor, at, attachments.length > 0);
}

const invalidReply: Rejection = {
  code: 'BAD_USER_INPUT',
  message: '`replyToId` must be the id of a message in this channel.',
};
const fileTaken: Rejection = {
  code: 'CONFLICT',
  message: 'One of the files is already attached to another message. Upload it again.',
};
