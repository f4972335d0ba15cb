import type { AttachmentFacts, Entry, ReactionSummary } from '../../events.ts';
import { statement } from './statement.ts';
import { columns, fieldsWithout, type Row } from './table.ts';
import { tables } from './tables.ts';
import { arrayOf, type JsonRow, json, nullable, uuid } from './types.ts';

const stored = columns(tables.entry, 'e', fieldsWithout(tables.entry, ['revisedPosition', 'logOffset']));

/** Columns of an entry, from a table or expression named `e`, with the author of the entry that it replies to. */
export const entryColumns = {
  list: `${stored.list}, (SELECT r.author_id FROM entry r WHERE r.id = e.reply_to_id) AS "replyToAuthorId"`,
  row: {
    ...stored.row,
    attachments: json<AttachmentFacts[]>(),
    reactions: json<ReactionSummary[]>(),
    replyToAuthorId: nullable(uuid),
  },
};

/** Row of a statement that selects `entryColumns`. */
export type EntryRow = Row<typeof entryColumns.row>;

/** Reads entries by their ids, in no order. */
export const selectEntries = statement({
  sql: `SELECT ${entryColumns.list} FROM entry e WHERE e.id = ANY($ids)`,
  parameters: { ids: arrayOf(uuid) },
  row: entryColumns.row,
});

/**
 * Returns the seq of the first entry that a member can read: `readableStart` of api/domain/policies.ts as SQL.
 * @param member alias of the table `member`
 */
export const readableSeq = (member: string) =>
  `(CASE WHEN ${member}.role = 'MEMBER' THEN ${member}.readable_from ELSE 0 END)`;

/** Returns a condition on an entry `e`: the user has not blocked its author. The user's id is an SQL expression. */
export const unblockedBy = (userId: string) =>
  `NOT EXISTS (SELECT FROM block b WHERE b.blocker_id = ${userId} AND b.blocked_id = e.author_id)`;

/**
 * Returns a condition on an entry `e` of a channel that a user may read: the user can see it. Each statement that reads entries for users
 * has it. The ids are SQL expressions that name no column of `e`, so that the look-up of the member runs once for a channel. It is a filter
 * that makes no index better than another, because plans are kept while tables grow.
 */
export const visibleTo = (channelId: string, userId: string) =>
  `coalesce(e.seq >= ${startOf(readableSeq('h'), channelId, userId)}, true) AND ${unblockedBy(userId)}`;

/**
 * Return the seq, and the position, of the first entry that a user can read in a channel: bounds for the index by which a statement reads, so
 * that it does not walk over hidden entries. They say nothing more than `visibleTo`.
 */
export const startSeq = (channelId: string, userId: string) =>
  `coalesce(${startOf(readableSeq('h'), channelId, userId)}, 0)`;
export const startPosition = (channelId: string, userId: string) =>
  `coalesce(${startOf(`CASE WHEN h.role = 'MEMBER' THEN h.readable_position ELSE 0 END`, channelId, userId)}, 0)`;

function startOf(start: string, channelId: string, userId: string): string {
  return `(SELECT ${start} FROM member h WHERE h.channel_id = ${channelId} AND h.user_id = ${userId})`;
}

/** Condition on an entry `e`: it is a message, and no user joining or leaving. */
export const isMessage = `e.kind NOT IN ('JOINED', 'LEFT', 'REMOVED')`;

/** Returns the entry of a row, which may come from JSON and has no further fields. Its times are in ISO 8601. */
export function toEntry(row: EntryRow | JsonRow<EntryRow>): Entry {
  const { sentAt, editedAt, deletedAt, pinnedAt } = row;
  return {
    ...row,
    sentAt: new Date(sentAt).toISOString(),
    editedAt: toTime(editedAt),
    deletedAt: toTime(deletedAt),
    pinnedAt: toTime(pinnedAt),
  };
}

function toTime(value: Date | string | null): string | null {
  return value === null ? null : new Date(value).toISOString();
}
