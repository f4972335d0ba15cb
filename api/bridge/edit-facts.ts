import type { Entry, EventOf } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { entryColumns, toEntry } from '../infra/database/entries.ts';
import { statement } from '../infra/database/statement.ts';
import { jsonOf, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, nullable, uuid } from '../infra/database/types.ts';
import { channel, member } from './event-context.ts';

/** Facts that decide whether an edit is applied; null where there is no such row. */
const facts = {
  channel: nullable(jsonOf(channel.row)),
  member: nullable(jsonOf(member.row)),
  /** Position of the newest edit or of the deletion of the message; null if there was none, or if it is not known. */
  revisedPosition: tables.entry.columns.revisedPosition,
};

/** Facts about an edit, and the message before it. */
export type EditFacts = Row<typeof facts> & { before: Entry | null };

/** Reads the facts of edits in one statement, in the order of the edits. */
export async function readEditFacts(query: Query, events: readonly EventOf<'MessageEdited'>[]): Promise<EditFacts[]> {
  const rows = await query(selectEditFacts, {
    channelIds: events.map(({ channelId }) => channelId),
    actorIds: events.map(({ actorId }) => actorId),
    messageIds: events.map(({ messageId }) => messageId),
  });
  return rows.map(({ channel, member, revisedPosition, foundId, ...entry }) => ({
    channel,
    member,
    revisedPosition,
    before: foundId === null ? null : toEntry(entry),
  }));
}

/** A block between the members of a direct channel is no fact: it does not keep them from editing. */
const selectEditFacts = statement({
  sql: `
    SELECT ${entryColumns.list}, e.id AS "foundId", e.revised_position AS "revisedPosition",
      (SELECT ${channel.object} FROM channel c WHERE c.id = i.channel_id) AS channel,
      (SELECT ${member.object} FROM member m WHERE m.channel_id = i.channel_id AND m.user_id = i.actor_id) AS member
    FROM unnest($channelIds, $actorIds, $messageIds) WITH ORDINALITY AS i(channel_id, actor_id, message_id, n)
    LEFT JOIN entry e ON e.id = i.message_id AND e.channel_id = i.channel_id
    ORDER BY i.n`,
  parameters: { channelIds: arrayOf(uuid), actorIds: arrayOf(uuid), messageIds: arrayOf(uuid) },
  row: { ...entryColumns.row, ...facts, foundId: nullable(uuid) },
});
