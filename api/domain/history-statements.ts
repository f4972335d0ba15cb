import { entryColumns, unblockedBy } from '../infra/database/entries.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, jsonOf, jsonRowsOf, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, nullable, uuid } from '../infra/database/types.ts';

const channel = columns(tables.channel, 'c', ['kind', 'visibility', 'closedAt', 'position', 'trimmedPosition']);
const member = columns(tables.member, 'm', ['role', 'state', 'revision']);
const standing = { channel: nullable(jsonOf(channel.row)), member: nullable(jsonOf(member.row)) };

/** Channel `w.id` and the user's membership: read with the entries, so that they belong to the same snapshot. */
const standingList = (userId: string) => `
  (SELECT ${channel.object} FROM channel c WHERE c.id = w.id) AS channel,
  (SELECT ${member.object} FROM member m WHERE m.channel_id = w.id AND m.user_id = ${userId}) AS member`;

/** Reads a channel and a membership for each pair of a channel and a user, in the order of the pairs. */
export const selectStandings = statement({
  sql: `
    SELECT ${standingList('w.user_id')}
    FROM unnest($channelIds, $userIds) WITH ORDINALITY AS w(id, user_id, n) ORDER BY n`,
  parameters: { channelIds: arrayOf(uuid), userIds: arrayOf(uuid) },
  row: standing,
});

const snapshot = { channelId: uuid, ...standing, count: int4, entries: nullable(jsonRowsOf(entryColumns.row)) };

/** One channel in one snapshot: its entries, and how many there are up to a bound. */
export type Snapshot = Row<typeof snapshot>;

const channelsOfUser = { channelIds: arrayOf(uuid), userId: uuid };

/** Reads the entries of each channel that changed after a position, and their number up to a bound. */
export const selectChanges = statement({
  sql: `
    SELECT w.id AS "channelId", ${standingList('$userId')},
      (SELECT count(*)::int FROM (SELECT FROM entry e WHERE e.channel_id = w.id AND e.position > $after
        AND ${unblockedBy('$userId')} LIMIT $maxCount) found) AS count,
      (SELECT jsonb_agg(found) FROM (SELECT ${entryColumns.list} FROM entry e
        WHERE e.channel_id = w.id AND e.position > $after AND ${unblockedBy('$userId')}
        ORDER BY e.position LIMIT $limit) found) AS entries
    FROM unnest($channelIds) AS w(id)`,
  parameters: { ...channelsOfUser, after: int4, limit: int4, maxCount: int4 },
  row: snapshot,
});

/** Reads the entries of each channel between two seqs, from the lowest or from the highest on. */
export const selectPages = { forward: declarePages('ASC'), backward: declarePages('DESC') };

/** Counts the entries of each channel that changed after a position, up to a bound, in the order of the channels. */
export const countChanges = statement({
  sql: `
    SELECT (SELECT count(*)::int FROM (
      SELECT FROM entry e WHERE e.channel_id = w.id AND e.position > w.after LIMIT $maxCount) found) AS count
    FROM unnest($channelIds, $afters) WITH ORDINALITY AS w(id, after, n) ORDER BY n`,
  parameters: { channelIds: arrayOf(uuid), afters: arrayOf(int4), maxCount: int4 },
  row: { count: int4 },
});

/** Reads the newest entry of each channel that the user has not blocked the author of. */
export const selectLast = statement({
  sql: `
    SELECT ${entryColumns.list} FROM unnest($channelIds) AS w(id) CROSS JOIN LATERAL (
      SELECT * FROM entry e WHERE e.channel_id = w.id AND ${unblockedBy('$userId')} ORDER BY e.seq DESC LIMIT 1) e`,
  parameters: channelsOfUser,
  row: entryColumns.row,
});

function declarePages(direction: 'ASC' | 'DESC') {
  return statement({
    sql: `
      SELECT w.id AS "channelId", ${standingList('$userId')}, 0 AS count,
        (SELECT jsonb_agg(found) FROM (SELECT ${entryColumns.list} FROM entry e
          WHERE e.channel_id = w.id AND e.seq > $after AND e.seq < $before AND ${unblockedBy('$userId')}
          ORDER BY e.seq ${direction} LIMIT $limit) found) AS entries
      FROM unnest($channelIds) AS w(id)`,
    parameters: { ...channelsOfUser, after: int4, before: int4, limit: int4 },
    row: snapshot,
  });
}
