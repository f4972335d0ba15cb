import type { EventOf } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { channelFactFields, memberFactFields } from '../infra/database/rule-columns.ts';
import { statement } from '../infra/database/statement.ts';
import { optionalRow, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';

/** The channel and the membership that the rules for a change of a message need. */
export const channel = optionalRow(tables.channel, 'c', 'channel', channelFactFields);
export const member = optionalRow(tables.member, 'm', 'member', memberFactFields);

const row = {
  ...channel.row,
  ...member.row,
  /** Position of the newest edit or of the deletion of the message; null if there was none, or if it is not known. */
  revisedPosition: tables.entry.columns.revisedPosition,
};

/** Facts that decide whether an edit is applied, apart from the message. */
export type EditFacts = Row<typeof row>;

/** Reads the facts of edits in one statement, in the order of the edits. */
export function readEditFacts(query: Query, events: readonly EventOf<'MessageEdited'>[]): Promise<EditFacts[]> {
  return query(selectEditFacts, {
    channelIds: events.map(({ channelId }) => channelId),
    actorIds: events.map(({ actorId }) => actorId),
    messageIds: events.map(({ messageId }) => messageId),
  });
}

/** A block between the members of a direct channel is no fact: it does not keep them from editing. */
const selectEditFacts = statement({
  sql: `
    SELECT ${channel.list}, ${member.list},
      (SELECT e.revised_position FROM entry e WHERE e.id = i.message_id) AS "revisedPosition"
    FROM unnest($channelIds, $actorIds, $messageIds) WITH ORDINALITY AS i(channel_id, actor_id, message_id, n)
    LEFT JOIN channel c ON c.id = i.channel_id
    LEFT JOIN member m ON m.channel_id = i.channel_id AND m.user_id = i.actor_id
    ORDER BY i.n`,
  parameters: { channelIds: arrayOf(uuid), actorIds: arrayOf(uuid), messageIds: arrayOf(uuid) },
  row,
});
