import { blockInDirect } from '../infra/database/blocks.ts';
import { memberFactFields } from '../infra/database/rule-columns.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, fieldsWithout } from '../infra/database/table.ts';
import { enums, tables } from '../infra/database/tables.ts';
import { arrayOf, bool, int4, nullable, text, uuid } from '../infra/database/types.ts';
import { isArchived, isPinned, notifyLevel, ownRecord, seenSeq } from './own-records.ts';
import { declarePages, highestId, lowestId, type TimeKey, timePage, timePageParameters } from './pages.ts';

const standing = columns(tables.member, 'm', ['channelId', 'userId', ...memberFactFields]);
const membership = columns(tables.member, 'm', ['channelId', 'userId', ...memberFactFields, 'joinedAt', 'invitedBy']);
const membershipList = `${membership.list}, ${seenSeq} AS "seenSeq",
  ${notifyLevel} AS notify, ${isPinned} AS pinned, ${isArchived} AS archived`;
const membershipRow = { ...membership.row, seenSeq: int4, notify: enums.notifyLevel, pinned: bool, archived: bool };
const membershipTables = `member m LEFT JOIN ${ownRecord}`;

/** Reads the active and invited memberships among pairs of a channel and a user, in no order. */
export const selectMemberships = statement({
  sql: `
    SELECT ${membershipList} FROM ${membershipTables}
    JOIN (SELECT DISTINCT * FROM unnest($channelIds, $userIds) AS k(channel_id, user_id)) k
      ON k.channel_id = m.channel_id AND k.user_id = m.user_id
    WHERE m.state IN ('ACTIVE', 'INVITED')`,
  parameters: { channelIds: arrayOf(uuid), userIds: arrayOf(uuid) },
  row: membershipRow,
});

/**
 * Reads the memberships among pairs of a channel and a user, also those that ended, in no order, and whether a block keeps the
 * user from writing.
 */
export const selectStandings = statement({
  sql: `
    SELECT ${standing.list}, c.kind = 'DIRECT' AND ${blockInDirect('m.channel_id', 'm.user_id')} AS "isBlocked"
    FROM member m JOIN channel c ON c.id = m.channel_id
    JOIN (SELECT DISTINCT * FROM unnest($channelIds, $userIds) AS k(channel_id, user_id)) k
      ON k.channel_id = m.channel_id AND k.user_id = m.user_id`,
  parameters: { channelIds: arrayOf(uuid), userIds: arrayOf(uuid) },
  row: { ...standing.row, isBlocked: bool },
});

const own = columns(tables.member, 'own', ['channelId', 'userId']);

/**
 * Reads the other user of direct and match channels for their readers: members, users who are asked for a direct conversation, and users
 * who left a match. In no order.
 */
export const selectPeers = statement({
  sql: `
    SELECT ${own.list}, m.user_id AS "peerId" FROM unnest($channelIds, $userIds) AS w(channel_id, user_id)
    JOIN channel c ON c.id = w.channel_id AND c.kind <> 'ROOM'
    JOIN member own ON own.channel_id = c.id AND own.user_id = w.user_id
      AND (own.state = 'ACTIVE' OR (c.kind = 'MATCH' AND own.state = 'LEFT') OR (c.kind = 'DIRECT' AND own.state = 'INVITED'))
    JOIN member m ON m.channel_id = c.id AND m.user_id <> own.user_id`,
  parameters: { channelIds: arrayOf(uuid), userIds: arrayOf(uuid) },
  row: { ...own.row, peerId: uuid },
});

/** Reads the ids of the active members of each channel, the longest membership first, up to a limit for each. */
export const selectMemberIds = statement({
  sql: `
    SELECT c.id AS "channelId", array(
      SELECT m.user_id FROM member m WHERE m.channel_id = c.id AND m.state = 'ACTIVE'
      ORDER BY m.joined_at, m.user_id LIMIT $limit) AS "userIds"
    FROM unnest($channelIds) AS c(id)`,
  parameters: { channelIds: arrayOf(uuid), limit: int4 },
  row: { channelId: uuid, userIds: arrayOf(uuid) },
});

const byJoining = { at: 'm.joined_at', id: 'm.user_id', ascending: true };

/** Reads a page of the active members of each channel, the longest membership first. */
export const selectMembers = declarePages((backward) => {
  const { where, order } = timePage(byJoining, backward);
  return statement({
    sql: `
      SELECT found.* FROM unnest($channelIds) AS w(id) CROSS JOIN LATERAL (
        SELECT ${membershipList} FROM ${membershipTables}
        WHERE m.channel_id = w.id AND m.state = 'ACTIVE' AND ${where} ${order}) found`,
    parameters: { channelIds: arrayOf(uuid), ...timePageParameters },
    row: membershipRow,
  });
});

const channelFields = fieldsWithout(tables.channel, [
  'logPartition',
  'logOffset',
  'changedOffset',
  'logVersion',
  'trackedFrom',
  'trackedPosition',
]);
const channel = columns(tables.channel, 'c', channelFields);

/** Reads channels by their ids, in no order. */
export const selectChannels = statement({
  sql: `SELECT ${channel.list} FROM channel c WHERE c.id = ANY($ids)`,
  parameters: { ids: arrayOf(uuid) },
  row: channel.row,
});

const byActivity = { at: 'c.last_activity_at', id: 'c.id', ascending: false };

/** Maximum number of rooms, the latest activity first, among which a search looks for names. */
const maxSearchedRooms = 5_000;

/** Reads a page of the open public rooms whose name has a search term, given by its key, the latest activity first. */
export const selectRooms = declarePages((backward) => {
  const { where, orderBy, order } = timePage(byActivity, backward);
  return statement({
    sql: `
      SELECT ${channel.list} FROM (
        SELECT * FROM channel c
        WHERE c.kind = 'ROOM' AND c.visibility = 'PUBLIC' AND c.closed_at IS NULL AND ${where}
        ${orderBy} LIMIT ${maxSearchedRooms}) c
      WHERE $search IS NULL OR strpos(coalesce(c.name_key, lower(c.name)), $search) > 0 ${order}`,
    parameters: { search: nullable(text), ...timePageParameters },
    row: channel.row,
  });
});

/** Place of a channel in the list of a user: pinned ones come first, each part by latest activity. */
export interface ListKey extends TimeKey {
  isPinned: boolean;
}

/**
 * Reads a page of the channels that a user is a member of or invited to: pinned ones first, the latest activity first. Archived ones are
 * left out unless they are asked for.
 */
export const selectChannelsOfUser = declarePages((backward) => {
  const direction = backward ? 'ASC' : 'DESC';
  const place = `${isPinned}, c.last_activity_at, c.id`;
  return statement({
    sql: `
      SELECT ${channel.list}, ${isPinned} AS "isPinned" FROM member m
      JOIN channel c ON c.id = m.channel_id LEFT JOIN ${ownRecord}
      WHERE m.user_id = $userId AND m.state IN ('ACTIVE', 'INVITED') AND ($archived OR NOT ${isArchived})
        AND (${place}) < (coalesce($afterPinned, true), coalesce($afterAt, 'infinity'), coalesce($afterId, ${highestId}))
        AND (${place}) > (coalesce($beforePinned, false), coalesce($beforeAt, '-infinity'), coalesce($beforeId, ${lowestId}))
      ORDER BY "isPinned" ${direction}, c.last_activity_at ${direction}, c.id ${direction} LIMIT $limit`,
    parameters: {
      userId: uuid,
      archived: bool,
      afterPinned: nullable(bool),
      beforePinned: nullable(bool),
      ...timePageParameters,
    },
    row: { ...channel.row, isPinned: bool },
  });
});
