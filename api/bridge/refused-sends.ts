import { maySend, maySendAgain, readableStart } from '../domain/policies.ts';
import type { EventOf, Logged, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { type DecidedMentions, isRefused } from './mentions.ts';
import { readSendFacts, type SendFacts } from './send-facts.ts';

type MessageSent = Logged<EventOf<'MessageSent'>>;

/**
 * Decides sends that were not placed, in their order, by the rules in the order in which the gateway checks them.
 * @returns the rejection of each; null for a send to a room in slow mode that is allowed
 */
export async function judgeSends(
  query: Query,
  events: readonly MessageSent[],
  mentions: ReadonlyMap<string, DecidedMentions>,
): Promise<ReadonlyMap<MessageSent, Rejection | null>> {
  const facts = await readSendFacts(query, events);
  /** Times of the newest messages that slow mode counts, by channel and author. */
  const lastSent = new Map<string, Date | string | null>();
  return new Map(
    events.map((event, n) => {
      const found = facts[n];
      if (found === undefined) throw new Error('A send has no facts.');
      return [event, judge(event, found, mentions.get(event.eventId), lastSent)];
    }),
  );
}

function judge(
  event: MessageSent,
  { channel, actor, isBlocked, isReplyWrong, replyToSeq, isFileTaken }: SendFacts,
  mentions: DecidedMentions | undefined,
  lastSent: Map<string, Date | string | null>,
): Rejection | null {
  const refusal = maySend(channel && { ...channel, isBlocked }, actor, event.at, event.attachments.length > 0);
  if (refusal) return refusal;
  if (isRefused(mentions)) return mentions;
  const isReplyHidden = replyToSeq !== null && replyToSeq < readableStart(actor).seq;
  if (isReplyWrong || isReplyHidden) return wrongReply;
  if (isFileTaken || channel === null || actor === null) return fileTaken;
  const key = `${event.channelId}:${event.actorId}`;
  const tooSoon = maySendAgain(channel, actor, lastSent.get(key) ?? actor.lastSentAt, event.at);
  if (tooSoon === null) lastSent.set(key, event.at);
  return tooSoon;
}

const wrongReply: Rejection = {
  code: 'BAD_USER_INPUT',
  message: '`replyToId` must be the id of a message in this channel.',
};
const fileTaken: Rejection = {
  code: 'CONFLICT',
  message: 'One of the files is already attached to another message. Upload it again.',
};
