import { entryColumns, visibleTo } from '../../infra/database/entries.ts';
import { statement } from '../../infra/database/statement.ts';
import { jsonRowsOf, type Row } from '../../infra/database/table.ts';
import { arrayOf, bool, int4, int8, json, nullable, text, timestamptz, uuid } from '../../infra/database/types.ts';

/** Maximum number of changed profiles of one channel that are told one by one. */
export const maxProfiles = 100;

/** A channel of a viewer that has changed since the cursor, or may have. Offsets are those of its partition. */
export interface ChangedChannel {
  id: string;
  /** Whether the viewer may read it: as a member, or because it is a direct channel that asks. */
  isMember: boolean;
  /** Whether it is a room that asks the viewer, who may not read it yet. */
  isInvited: boolean;
  isDirect: boolean;
  isMatch: boolean;
  position: number;
  trimmedPosition: number;
  /** Null if no bridge has stored the place of a change. */
  partition: number | null;
  /** Offset from which on the client knows nothing; null if the cursor has none for the partition. */
  lower: number | null;
  /** Whether all changes from `lower` on are stored with their offsets. */
  isTracked: boolean;
  /** Offsets of the newest changes of the membership and of the channel's properties. */
  memberOffset: number | null;
  changedOffset: number | null;
  /** Whether the viewer's seen mark moved, or preferences changed. */
  isSeen: boolean;
  /** Whether the viewer has blocked or unblocked somebody who is or was a member. */
  isBlockChanged: boolean;
  /** Whether another role has hidden entries from the viewer, or shown them. */
  isStartMoved: boolean;
  /** Members whose profiles changed, one more than `maxProfiles` at most. */
  profiles: readonly string[];
  /** Revision of the membership, and the offset at which it began, if it has changed; null for channels that were opened with it. */
  revision: number;
  joinedOffset: number | null;
  /** Position up to which the client knows the channel's entries; null if no entry may have changed. */
  low: number | null;
  /** Whether more changes than are replayed lie above `low`. */
  isTooFar: boolean;
}

/** Columns that are the same for all viewers: the log and the clock in the snapshot. */
const logColumns = {
  partitions: nullable(int4),
  next: nullable(arrayOf(text)),
  logIds: nullable(arrayOf(text)),
  at: timestamptz,
};

const logList = 'log.partitions, log.next, log.ids AS "logIds", now() AS at';

/** The log as the database has applied it. A partition that no bridge has read is at 0. */
const logTable = `
  log AS MATERIALIZED (
    SELECT l.partitions, array(
        SELECT coalesce(p.next_offset, 0)::text FROM generate_series(0, l.partitions - 1) AS g(n)
        LEFT JOIN log_position p ON p.log = l.name AND p.partition = g.n ORDER BY g.n) AS next,
      array(SELECT DISTINCT p.log_id FROM log_position p WHERE p.log = l.name AND p.log_id IS NOT NULL) AS ids
    FROM event_log l WHERE l.name = $log
  )`;

/**
 * Finds the position up to which the client knows a channel's entries: that of an entry whose newest change lies below `lower`.
 * Offsets increase with positions, so the distance from the head is doubled until there is one. That takes few look-ups by an
 * index, and needs none by offset.
 */
const knownPosition = `
  WITH RECURSIVE probe(distance, low, found) AS (
    SELECT 0, c.position + 1, c.log_offset
    UNION ALL
    SELECT greatest(1, p.distance * 2), coalesce(e.position, 0), e.log_offset
    FROM probe p LEFT JOIN LATERAL (
      SELECT e.position, e.log_offset FROM entry e WHERE e.channel_id = c.id AND e.position <= c.position - p.distance
      ORDER BY e.position DESC LIMIT 1) e ON true
    WHERE p.low > c.tracked_position AND p.found >= x.lower AND p.distance / 2 < $most
  )
  SELECT greatest(p.low, c.tracked_position) AS low, p.low > c.tracked_position AND p.found >= x.lower AS "isTooFar"
  FROM probe p ORDER BY p.distance DESC, p.low LIMIT 1`;

/** Whether a member `m` of channel `c` may read it now. */
const isReader = `(m.state = 'ACTIVE' OR (m.state = 'INVITED' AND c.kind = 'DIRECT'))`;

/** Channels of viewer `w` by their memberships, with everything that decides whether they have changed. */
const channelsOfViewer = `
  SELECT c.id, ${isReader} AS "isMember", m.state = 'INVITED' AND c.kind = 'ROOM' AS "isInvited",
    c.kind = 'DIRECT' AS "isDirect", c.kind = 'MATCH' AS "isMatch", c.position,
    c.trimmed_position AS "trimmedPosition", c.log_partition AS partition, x.lower, x."isTracked",
    m.log_offset AS "memberOffset", c.changed_offset AS "changedOffset", m.revision,
    coalesce((SELECT s.changed_at >= w.since FROM seen_mark s
      WHERE s.channel_id = c.id AND s.user_id = w.user_id AND m.state = 'ACTIVE'), false) AS "isSeen",
    cardinality(b.ids) > 0 AND EXISTS (
      SELECT FROM member o WHERE o.channel_id = c.id AND o.user_id = ANY(b.ids)) AS "isBlockChanged",
    coalesce(m.readable_offset >= x.lower, false) AS "isStartMoved",
    array(SELECT p.user_id FROM profile_change p
      WHERE p.channel_id = c.id AND p.changed_at >= w.since AND p.user_id <> w.user_id AND ${isReader}
      LIMIT ${maxProfiles + 1}) AS profiles,
    CASE WHEN x."isTracked" AND m.log_offset >= x.lower THEN (
      SELECT e.log_offset FROM entry e WHERE e.channel_id = c.id AND e.seq = m.joined_seq) END AS "joinedOffset",
    known.low, coalesce(known."isTooFar", false) AS "isTooFar", c.log_offset >= x.lower AS "isChanged"
  FROM member m JOIN channel c ON c.id = m.channel_id
  CROSS JOIN LATERAL (
    SELECT y.lower, coalesce(c.log_version = c.version AND y.lower >= c.tracked_from, false) AS "isTracked"
    FROM (SELECT CASE WHEN c.id = w.place_id AND w.place_offset > 0 THEN w.place_offset
      ELSE w.next[c.log_partition + 1] END AS lower) y) x
  LEFT JOIN LATERAL (${knownPosition}) known
    ON ${isReader} AND x."isTracked" AND c.log_offset >= x.lower AND w.since IS NOT NULL
  WHERE m.user_id = w.user_id AND m.revision > 0`;

const snapshotRow = {
  n: int4,
  ...logColumns,
  channelIds: nullable(arrayOf(uuid)),
  positions: nullable(arrayOf(int4)),
  changed: nullable(json<ChangedChannel[]>()),
  endedIds: arrayOf(uuid),
  isSelfChanged: nullable(bool),
  isMatchChanged: nullable(bool),
};

/** Everything that concerns one viewer, in one snapshot. */
export type SnapshotRow = Row<typeof snapshotRow>;

/**
 * Reads for each viewer the positions of all channels, and the changes since a cursor. All of it, the log and the clock are
 * one snapshot. `since` is null without a cursor: then nothing has changed. Channels below `placeIds` are left out of the changes.
 */
export const selectSnapshots = statement({
  sql: `
    WITH ${logTable}, w AS (
      SELECT w.user_id, w.next::bigint[] AS next, w.since, w.place_id, w.place_offset, w.n
      FROM unnest($userIds, $nexts, $since, $placeIds, $placeOffsets) WITH ORDINALITY
        AS w(user_id, next, since, place_id, place_offset, n)
    )
    SELECT w.n::int AS n, ${logList}, channels.ids AS "channelIds", channels.positions, channels.changed,
      array(SELECT e.channel_id FROM membership_end e
        WHERE e.user_id = w.user_id AND e.ended_at >= w.since AND e.channel_id >= w.place_id) AS "endedIds",
      (SELECT u.changed_at >= w.since FROM users u WHERE u.id = w.user_id) OR cardinality(b.ids) > 0 AS "isSelfChanged",
      EXISTS (SELECT FROM match_claim k WHERE k.user_id = w.user_id AND (k.claimed_at >= w.since OR k.ended_at >= w.since))
        AS "isMatchChanged"
    FROM w LEFT JOIN log ON true
    CROSS JOIN LATERAL (
      SELECT array(
        SELECT b.blocked_id FROM block b WHERE b.blocker_id = w.user_id AND b.created_at >= w.since
        UNION ALL SELECT b.blocked_id FROM block_end b WHERE b.blocker_id = w.user_id AND b.ended_at >= w.since) AS ids) b
    CROSS JOIN LATERAL (
      SELECT array_agg(o.id) FILTER (WHERE o."isMember") AS ids, array_agg(o.position) FILTER (WHERE o."isMember") AS positions,
        jsonb_agg(to_jsonb(o) - 'isChanged' ORDER BY o.id) FILTER (WHERE w.since IS NOT NULL AND o.id >= w.place_id AND (
          NOT o."isTracked" OR o."memberOffset" >= o.lower OR (o."isInvited" AND o."changedOffset" >= o.lower) OR (o."isMember" AND (
            o."isChanged" OR o."isSeen" OR o."isBlockChanged" OR cardinality(o.profiles) > 0)))) AS changed
      FROM (${channelsOfViewer}) o) channels`,
  parameters: {
    log: text,
    userIds: arrayOf(uuid),
    nexts: arrayOf(text),
    since: arrayOf(nullable(timestamptz)),
    placeIds: arrayOf(uuid),
    placeOffsets: arrayOf(int8),
    most: int4,
  },
  row: snapshotRow,
});

const gaps = {
  channelIds: arrayOf(uuid),
  lows: arrayOf(int4),
  highs: arrayOf(int4),
  lowers: arrayOf(int8),
  uppers: arrayOf(int8),
};
const gapTable = 'unnest($channelIds, $lows, $highs, $lowers, $uppers';
/** Positions bound the rows that any plan reads, which a limit would not. */
const isInGap = `e.channel_id = w.id AND e.position > w.low AND e.position <= w.high
  AND e.log_offset >= w.lower AND e.log_offset < w.upper`;

/** Counts the entries of each gap. */
export const countGaps = statement({
  sql: `
    SELECT (SELECT count(*)::int FROM entry e WHERE ${isInGap}) AS count
    FROM ${gapTable}) WITH ORDINALITY AS w(id, low, high, lower, upper, n) ORDER BY w.n`,
  parameters: gaps,
  row: { count: int4 },
});

/** Reads the entries of each gap in order of position, for viewers who may read them, without those that they cannot see. */
export const selectGaps = statement({
  sql: `
    SELECT w.n::int AS n, (SELECT json_agg(found) FROM (SELECT ${entryColumns.list}, e.log_offset AS "logOffset" FROM entry e
      WHERE ${isInGap} AND ${visibleTo('w.id', 'w.user_id')} ORDER BY e.position) found) AS entries
    FROM ${gapTable}, $userIds) WITH ORDINALITY AS w(id, low, high, lower, upper, user_id, n)
    WHERE EXISTS (
      SELECT FROM member m JOIN channel c ON c.id = m.channel_id
      WHERE m.channel_id = w.id AND m.user_id = w.user_id AND ${isReader})`,
  parameters: { ...gaps, userIds: arrayOf(uuid) },
  row: { n: int4, entries: nullable(jsonRowsOf({ ...entryColumns.row, logOffset: int4 })) },
});
