import { blockInDirect } from '../infra/database/blocks.ts';
import { channelFactFields, memberFactFields } from '../infra/database/rule-columns.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, jsonOf } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, bool, nullable, uuid } from '../infra/database/types.ts';

const channel = columns(tables.channel, 'c', [...channelFactFields, 'position', 'trimmedPosition']);
const member = columns(tables.member, 'm', memberFactFields);

/** Types of the columns of `accessList`. */
export const accessRow = { channel: nullable(jsonOf(channel.row)), member: nullable(jsonOf(member.row)) };

/**
 * Returns SQL for channel `w.id` and one user's membership of it, to be read in one snapshot with other data.
 * @param userId an SQL expression: a parameter or a column
 */
export const accessList = (userId: string) => `
  (SELECT ${channel.object} FROM channel c WHERE c.id = w.id) AS channel,
  (SELECT ${member.object} FROM member m WHERE m.channel_id = w.id AND m.user_id = ${userId}) AS member`;

/**
 * Reads the channel and the membership of each pair of a channel and a user, in the order of the pairs, and whether a block keeps
 * the user from sending.
 */
export const selectAccess = statement({
  sql: `
    SELECT ${accessList('w.user_id')},
      coalesce((SELECT c.kind = 'DIRECT' FROM channel c WHERE c.id = w.id), false)
        AND ${blockInDirect('w.id', 'w.user_id')} AS "isBlocked"
    FROM unnest($channelIds, $userIds) WITH ORDINALITY AS w(id, user_id, n) ORDER BY n`,
  parameters: { channelIds: arrayOf(uuid), userIds: arrayOf(uuid) },
  row: { ...accessRow, isBlocked: bool },
});
