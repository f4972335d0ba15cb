import type { EventOf } from '../events.ts';
import { blockInDirect } from '../infra/database/blocks.ts';
import type { Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import type { Row } from '../infra/database/table.ts';
import { arrayOf, bool, text, uuid } from '../infra/database/types.ts';
import { channel, member } from './edit-facts.ts';

/** Rows that the rules for a reaction need, apart from the message; null where there is no such row. */
const row = {
  ...channel.row,
  ...member.row,
  /** Whether the user has the reaction already. */
  isStored: bool,
  /** Whether a block is between the members of a direct channel. */
  isBlocked: bool,
};
export type ReactionFacts = Row<typeof row>;

/** Reads the facts about each of some reactions, in the same order, in one statement. */
export function readReactionFacts(
  query: Query,
  events: readonly Pick<EventOf<'ReactionAdded'>, 'channelId' | 'messageId' | 'actorId' | 'emoji'>[],
): Promise<ReactionFacts[]> {
  return query(selectFacts, {
    channelIds: events.map(({ channelId }) => channelId),
    messageIds: events.map(({ messageId }) => messageId),
    userIds: events.map(({ actorId }) => actorId),
    emoji: events.map((event) => event.emoji),
  });
}

const selectFacts = statement({
  sql: `
    SELECT ${channel.list}, ${member.list},
      EXISTS (SELECT FROM reaction r
        WHERE r.message_id = i.message_id AND r.emoji = i.emoji AND r.user_id = i.user_id) AS "isStored",
      coalesce(c.kind = 'DIRECT', false) AND ${blockInDirect('i.channel_id', 'i.user_id')} AS "isBlocked"
    FROM unnest($channelIds, $messageIds, $userIds, $emoji) WITH ORDINALITY
      AS i(channel_id, message_id, user_id, emoji, n)
    LEFT JOIN channel c ON c.id = i.channel_id
    LEFT JOIN member m ON m.channel_id = i.channel_id AND m.user_id = i.user_id
    ORDER BY i.n`,
  parameters: { channelIds: arrayOf(uuid), messageIds: arrayOf(uuid), userIds: arrayOf(uuid), emoji: arrayOf(text) },
  row,
});
