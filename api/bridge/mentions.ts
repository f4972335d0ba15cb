import { judgeMention, may } from '../domain/policies.ts';
import type { EventOf, Logged, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { selectMentionFacts } from '../infra/database/mentions.ts';
import { readEventContexts } from './event-context.ts';

type MessageSent = Logged<EventOf<'MessageSent'>>;

/** Users that the author of an event mentions. */
interface Mentioning {
  event: Pick<MessageSent, 'eventId' | 'channelId' | 'actorId'>;
  userIds: readonly string[];
}

/** Decided mentions of an event: the users whom it mentions, or the reason why it is refused. */
export type DecidedMentions = readonly string[] | Rejection;

/**
 * Decides whom events mention, in one statement.
 * @returns the decisions by the ids of the events
 */
export async function decideMentions(
  query: Query,
  mentioning: readonly Mentioning[],
): Promise<ReadonlyMap<string, DecidedMentions>> {
  const pairs = mentioning.flatMap(({ event, userIds }) => userIds.map((userId) => ({ event, userId })));
  const decided = new Map<string, DecidedMentions>(mentioning.map(({ event }) => [event.eventId, []]));
  if (pairs.length === 0) return decided;
  const facts = await query(selectMentionFacts, {
    channelIds: pairs.map(({ event }) => event.channelId),
    authorIds: pairs.map(({ event }) => event.actorId),
    userIds: pairs.map(({ userId }) => userId),
  });
  for (const [n, { event, userId }] of pairs.entries()) {
    const present = decided.get(event.eventId) ?? [];
    const one = facts[n];
    const judged = one ? judgeMention(one) : 'drop';
    if (judged === 'drop' || isRefused(present)) continue;
    decided.set(event.eventId, judged === 'keep' ? [...present, userId] : judged);
  }
  return decided;
}

/** Decides whom sends mention: those that mention every member cost another statement. */
export async function decideMentionsOfSends(
  query: Query,
  events: readonly MessageSent[],
): Promise<ReadonlyMap<string, DecidedMentions>> {
  const toSome = events.filter(({ mentionIds }) => mentionIds.length > 0);
  const toAll = events.filter(({ mentionsAll }) => mentionsAll);
  const decided = new Map(
    toSome.length === 0
      ? []
      : await decideMentions(
          query,
          toSome.map((event) => ({ event, userIds: event.mentionIds })),
        ),
  );
  const contexts = toAll.length === 0 ? [] : await readEventContexts(query, toAll);
  for (const [n, { eventId, at }] of toAll.entries()) {
    const refusal = may('MENTION_ALL', contexts[n]?.channel ?? null, contexts[n]?.actor ?? null, at);
    if (refusal) decided.set(eventId, refusal);
  }
  return decided;
}

/** Returns whether the mentions of an event are refused. */
export function isRefused(mentions: DecidedMentions | undefined): mentions is Rejection {
  return mentions !== undefined && 'code' in mentions;
}
