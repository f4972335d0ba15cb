import { entryColumns, startPosition, startSeq, visibleTo } from '../infra/database/entries.ts';
import { statement } from '../infra/database/statement.ts';
import { jsonRowsOf, type Row } from '../infra/database/table.ts';
import { arrayOf, int4, nullable, uuid } from '../infra/database/types.ts';
import { accessList, accessRow } from './access-statements.ts';
import { declarePages } from './pages.ts';

const entries = nullable(jsonRowsOf(entryColumns.row));
const snapshot = { channelId: uuid, userId: uuid, ...accessRow, count: int4, entries };

/** One channel for one user in one snapshot: its entries, and the number of changes, counted up to a bound. */
export type Snapshot = Row<typeof snapshot>;

const channelsOfUsers = { channelIds: arrayOf(uuid), userIds: arrayOf(uuid) };

/** Position after which the changes begin that a user can read. */
const afterStart = `greatest($after, ${startPosition('w.id', 'w.user_id')} - 1)`;

/**
 * Reads the entries of each channel that changed after a position, and counts the changes up to a bound: all of them, as for subscriptions, so
 * that the count needs no more rows than the bound. Entries are looked for among as many: where there are more, nobody gets any.
 */
export const selectChanges = statement({
  sql: `
    SELECT w.id AS "channelId", w.user_id AS "userId", ${accessList('w.user_id')},
      (SELECT count(*)::int FROM (SELECT FROM entry e WHERE e.channel_id = w.id AND e.position > ${afterStart}
        ORDER BY e.position LIMIT $maxCount) found) AS count,
      (SELECT json_agg(found) FROM (SELECT ${entryColumns.list} FROM (
          SELECT e.* FROM entry e WHERE e.channel_id = w.id AND e.position > ${afterStart} ORDER BY e.position LIMIT $maxCount) e
        WHERE ${visibleTo('w.id', 'w.user_id')} ORDER BY e.position LIMIT $limit) found) AS entries
    FROM unnest($channelIds, $userIds) AS w(id, user_id)`,
  parameters: { ...channelsOfUsers, after: int4, limit: int4, maxCount: int4 },
  row: snapshot,
});

/** Reads a page of the entries of each channel between two seqs, in the direction of the request. */
export const selectPages = declarePages((backward) =>
  statement({
    sql: `
      SELECT w.id AS "channelId", w.user_id AS "userId", ${accessList('w.user_id')}, 0 AS count,
        (SELECT json_agg(found) FROM (SELECT ${entryColumns.list} FROM entry e
          WHERE e.channel_id = w.id AND e.seq > greatest($after, ${startSeq('w.id', 'w.user_id')} - 1)
            AND e.seq < $before AND ${visibleTo('w.id', 'w.user_id')}
          ORDER BY e.seq ${backward ? 'DESC' : 'ASC'} LIMIT $limit) found) AS entries
      FROM unnest($channelIds, $userIds) AS w(id, user_id)`,
    parameters: { ...channelsOfUsers, after: int4, before: int4, limit: int4 },
    row: snapshot,
  }),
);

const around = { channelId: uuid, userId: uuid, messageId: uuid, ...accessRow, older: entries, newer: entries };

/** One channel for one user in one snapshot: the entries around a message, on both sides of it. */
export type AroundSnapshot = Row<typeof around>;

/**
 * Reads the entries around a message of each channel: up to a limit before it, from the nearest one, and it with as many after it. There are
 * none if the message is not in the channel, or the user cannot see it.
 */
export const selectAround = statement({
  sql: `
    SELECT w.id AS "channelId", w.user_id AS "userId", w.message_id AS "messageId", ${accessList('w.user_id')},
      (SELECT json_agg(found) FROM (SELECT ${entryColumns.list} FROM entry e
        WHERE e.channel_id = w.id AND e.seq < centre.seq AND e.seq >= ${startSeq('w.id', 'w.user_id')}
          AND ${visibleTo('w.id', 'w.user_id')}
        ORDER BY e.seq DESC LIMIT $limit) found) AS older,
      (SELECT json_agg(found) FROM (SELECT ${entryColumns.list} FROM entry e
        WHERE e.channel_id = w.id AND e.seq >= centre.seq AND ${visibleTo('w.id', 'w.user_id')}
        ORDER BY e.seq LIMIT $limit + 1) found) AS newer
    FROM unnest($channelIds, $userIds, $messageIds) AS w(id, user_id, message_id)
    LEFT JOIN LATERAL (SELECT e.seq FROM entry e
      WHERE e.id = w.message_id AND e.channel_id = w.id AND ${visibleTo('w.id', 'w.user_id')}) centre ON true`,
  parameters: { ...channelsOfUsers, messageIds: arrayOf(uuid), limit: int4 },
  row: around,
});

const replies = { channelId: uuid, userId: uuid, messageId: uuid, ...accessRow, entries };

/** Reads a page of the replies to each message between two seqs, in the direction of the request. */
export const selectReplies = declarePages((backward) =>
  statement({
    sql: `
      SELECT w.id AS "channelId", w.user_id AS "userId", w.message_id AS "messageId", ${accessList('w.user_id')},
        (SELECT json_agg(found) FROM (SELECT ${entryColumns.list} FROM entry e
          WHERE e.reply_to_id = w.message_id AND e.channel_id = w.id AND e.seq > $after AND e.seq < $before
            AND ${visibleTo('w.id', 'w.user_id')}
          ORDER BY e.seq ${backward ? 'DESC' : 'ASC'} LIMIT $limit) found) AS entries
      FROM unnest($channelIds, $userIds, $messageIds) AS w(id, user_id, message_id)`,
    parameters: { ...channelsOfUsers, messageIds: arrayOf(uuid), after: int4, before: int4, limit: int4 },
    row: replies,
  }),
);

/** Counts the entries of each channel that changed after a position, up to a bound, in the order of the channels. */
export const countChanges = statement({
  sql: `
    SELECT (SELECT count(*)::int FROM (
      SELECT FROM entry e WHERE e.channel_id = w.id AND e.position > w.after ORDER BY e.position LIMIT $maxCount) found) AS count
    FROM unnest($channelIds, $afters) WITH ORDINALITY AS w(id, after, n) ORDER BY n`,
  parameters: { channelIds: arrayOf(uuid), afters: arrayOf(int4), maxCount: int4 },
  row: { count: int4 },
});

/** Maximum number of entries of blocked authors that are passed over in search of the newest entry. */
const maxPassedOver = 1_000;

/** Reads the pinned entries of each channel for a user, the newest pin first, without those that the user cannot see. */
export const selectPinned = statement({
  sql: `
    SELECT w.user_id AS "viewerId", ${entryColumns.list}
    FROM unnest($channelIds, $userIds) AS w(channel_id, user_id) CROSS JOIN LATERAL (
      SELECT * FROM entry e WHERE e.channel_id = w.channel_id AND e.pinned_at IS NOT NULL AND ${visibleTo('w.channel_id', 'w.user_id')}
      ORDER BY e.pinned_at DESC, e.seq DESC) e
    ORDER BY e.pinned_at DESC, e.seq DESC`,
  parameters: channelsOfUsers,
  row: { viewerId: uuid, ...entryColumns.row },
});

/** Reads the newest entry of each channel for a user: the newest one that the user can see. */
export const selectLast = statement({
  sql: `
    SELECT w.user_id AS "viewerId", ${entryColumns.list}
    FROM unnest($channelIds, $userIds) AS w(channel_id, user_id) CROSS JOIN LATERAL (
      SELECT * FROM (
        SELECT * FROM entry e WHERE e.channel_id = w.channel_id ORDER BY e.seq DESC LIMIT ${maxPassedOver}) e
      WHERE ${visibleTo('w.channel_id', 'w.user_id')} ORDER BY e.seq DESC LIMIT 1) e`,
  parameters: channelsOfUsers,
  row: { viewerId: uuid, ...entryColumns.row },
});
