import type { Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { isMessage, readableSeq, visibleTo } from '../infra/database/entries.ts';
import { channelFactFields, memberFactFields } from '../infra/database/rule-columns.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, jsonOf } from '../infra/database/table.ts';
import { enums, tables } from '../infra/database/tables.ts';
import { bool, int4, nullable, uuid } from '../infra/database/types.ts';
import type { ChannelOfUser } from './channel-of-user.ts';
import { mayMark, mayTakePart } from './policies.ts';

/**
 * SQL for memberships `m` with the member's own record `s` of the channel: the seen mark and the preferences. A record belongs to the
 * membership that began at its `joined_seq`. One of an earlier membership is as good as none.
 */
export const ownRecord = 'seen_mark s ON s.channel_id = m.channel_id AND s.user_id = m.user_id';
const isPresent = 's.joined_seq = m.joined_seq';

/** Seq up to which the member has seen the channel. A record without `joined_seq` may be of this membership or of an earlier one. */
export const seenSeq = `CASE WHEN ${isPresent} THEN s.seq ELSE greatest(m.joined_seq, s.seq) END`;

/** Seq after which messages are unread for the member: `unreadAfter` of api/domain/unread-of-members.ts as SQL. */
export const unreadAfterSeq = `greatest(${seenSeq}, ${readableSeq('m')} - 1)`;

export const notifyLevel = `coalesce(CASE WHEN ${isPresent} THEN s.notify END, 'ALL')`;
export const isPinned = `coalesce(${isPresent} AND s.pinned, false)`;
const archivedSeq = `CASE WHEN ${isPresent} THEN s.archived_seq END`;

/** Number of entries since the archiving after which a channel is back, even if none of them is a message. It bounds the look-up. */
const maxPassedOver = 200;

/** Whether the channel is archived: until the next message, also one that was deleted since, of a user whom the member has not blocked. */
export const isArchived = `coalesce(${archivedSeq} IS NOT NULL AND NOT EXISTS (
  SELECT FROM (
    SELECT * FROM entry e WHERE e.channel_id = m.channel_id AND e.seq > s.archived_seq ORDER BY e.seq LIMIT ${maxPassedOver}) e
  WHERE e.seq >= s.archived_seq + ${maxPassedOver} OR (${isMessage} AND ${visibleTo('m.channel_id', 'm.user_id')})), false)`;

/**
 * Returns an update of the member's own record. Columns without an assignment keep the values of the present membership, or their defaults.
 * @param condition on the membership `m` and the channel `c`
 */
function updateOwn(
  assignments: { seq?: string; notify?: string; pinned?: string; archivedSeq?: string },
  condition = 'true',
): string {
  return `
    UPDATE seen_mark s SET joined_seq = m.joined_seq, seq = ${assignments.seq ?? seenSeq},
      notify = ${assignments.notify ?? notifyLevel}, pinned = ${assignments.pinned ?? isPinned},
      archived_seq = ${assignments.archivedSeq ?? archivedSeq}
    FROM member m JOIN channel c ON c.id = m.channel_id
    WHERE s.channel_id = $channelId AND s.user_id = $userId
      AND m.channel_id = $channelId AND m.user_id = $userId AND m.state = 'ACTIVE' AND ${condition} RETURNING s.seq, c.member_count AS "memberCount"`;
}

const channel = columns(tables.channel, 'c', channelFactFields);
const member = columns(tables.member, 'm', memberFactFields);
const key = { channelId: uuid, userId: uuid };
const row = { seq: tables.seenMark.columns.seq, memberCount: tables.channel.columns.memberCount };

/** The entry of a seen mark is not hidden from the member. */
const isMarkReadable = `$seq >= ${readableSeq('m')}`;

/** Moves a seen mark forward, at most to the newest entry. */
export const raiseSeenMark = statement({
  sql: updateOwn({ seq: `greatest(${seenSeq}, least($seq, c.seq))` }, isMarkReadable),
  parameters: { ...key, seq: int4 },
  row,
});

/** Moves a seen mark back, to the entry before one. */
export const lowerSeenMark = statement({
  sql: updateOwn({ seq: `least(${seenSeq}, $seq - 1)` }, isMarkReadable),
  parameters: { ...key, seq: int4 },
  row,
});

/** Changes preferences; null leaves one as it is. A channel is archived as of its newest entry. */
export const updatePreferences = statement({
  sql: updateOwn({
    notify: `coalesce($notify, ${notifyLevel})`,
    pinned: `coalesce($pinned, ${isPinned})`,
    archivedSeq: `CASE $archived WHEN true THEN c.seq WHEN false THEN NULL ELSE ${archivedSeq} END`,
  }),
  parameters: {
    ...key,
    notify: nullable(enums.notifyLevel),
    pinned: nullable(bool),
    archived: nullable(bool),
  },
  row,
});

const insertOwn = statement({
  sql: `
    INSERT INTO seen_mark (channel_id, user_id, joined_seq, seq)
    SELECT m.channel_id, m.user_id, m.joined_seq, m.joined_seq FROM member m
    WHERE m.channel_id = $channelId AND m.user_id = $userId AND m.state = 'ACTIVE' ON CONFLICT DO NOTHING`,
  parameters: key,
});

/** Reads the facts that decide whether a user may have a record of a channel. */
const selectPlace = statement({
  sql: `
    SELECT
      (SELECT ${channel.object} FROM channel c WHERE c.id = $channelId) AS channel,
      (SELECT ${member.object} FROM member m WHERE m.channel_id = $channelId AND m.user_id = $userId) AS member`,
  parameters: key,
  row: { channel: nullable(jsonOf(channel.row)), member: nullable(jsonOf(member.row)) },
});

/**
 * Runs a change of a member's own record, which the first change makes.
 * @param change runs one of the updates of this module
 * @param seq of the entry to which it moves the seen mark, if it does
 * @returns null if it was changed; else the refusal, because the user is not a member, or may not read that entry
 */
export async function changeOwnRecord(
  query: Query,
  { channelId, userId }: ChannelOfUser,
  change: () => Promise<readonly unknown[]>,
  seq: number | null = null,
): Promise<Rejection | null> {
  if ((await change()).length > 0) return null;
  await query(insertOwn, { channelId, userId });
  if ((await change()).length > 0) return null;
  const [place] = await query(selectPlace, { channelId, userId });
  const { channel: found = null, member: own = null } = place ?? {};
  return seq === null ? mayTakePart(found, own) : mayMark(found, own, seq);
}
