import { unblockedBy } from '../infra/database/entries.ts';
import { everyMember } from '../infra/database/mentions.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, uuid } from '../infra/database/types.ts';
import { ownRecord, unreadAfterSeq } from './own-records.ts';

/** Number of mentions at which counting stops, and of the newest ones that are examined: own and hidden ones do not count. */
const maxMentions = 1_000;
const maxExamined = 2 * maxMentions;

const member = columns(tables.member, 'm', ['channelId', 'userId']);

/**
 * Counts the unread messages of members that mention them, alone or with every member, each count at most `maxMentions`. A mention is
 * removed with its message, so that deleted ones do not count.
 */
export const selectMentionCounts = statement({
  sql: `
    SELECT ${member.list}, least(${maxMentions}, (
      SELECT count(DISTINCT e.seq)::int FROM unnest(ARRAY[m.user_id, '${everyMember}'::uuid]) AS k(user_id)
      CROSS JOIN LATERAL (
        SELECT e.seq, e.author_id FROM mention e
        WHERE e.channel_id = m.channel_id AND e.user_id = k.user_id AND e.seq > ${unreadAfterSeq}
        ORDER BY e.seq DESC LIMIT ${maxExamined}) e
      WHERE e.author_id <> m.user_id AND ${unblockedBy('m.user_id')})) AS count
    FROM unnest($channelIds, $userIds) AS w(channel_id, user_id)
    JOIN member m ON m.channel_id = w.channel_id AND m.user_id = w.user_id AND m.state = 'ACTIVE'
    LEFT JOIN ${ownRecord}`,
  parameters: { channelIds: arrayOf(uuid), userIds: arrayOf(uuid) },
  row: { ...member.row, count: int4 },
});
