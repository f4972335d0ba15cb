import type { Database } from '../infra/database/database.ts';
import { isMessage } from '../infra/database/entries.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, nullable, uuid } from '../infra/database/types.ts';
import type { ChannelOfUser } from './channel-of-user.ts';
import { readableStart } from './policies.ts';

/** A member of a channel, and the seq after which messages may be unread. */
export interface SeenByMember extends ChannelOfUser {
  seenSeq: number;
}

/** Returns the seq after which messages are unread for a member: seen ones, and those that the member may not read, are not above it. */
export function unreadAfter(member: Parameters<typeof readableStart>[0] & { seenSeq: number }): number {
  return Math.max(member.seenSeq, readableStart(member).seq - 1);
}

/** Number of unread messages of a member. */
interface MemberCount {
  count: number;
  /** False if there may be more, among older ones. */
  isExact: boolean;
}

/** Newest messages of a channel that are not deleted: seqs and authors, newest first. */
interface NewestMessages {
  seqs: readonly number[];
  authorIds: readonly string[];
  /** Seq above which these are all. */
  from: number;
}

/** Maximum number of newest messages of a channel whose authors are read. */
const maxNewest = 2_000;
/** Maximum number of newest entries among which they are found. */
const maxExamined = 10_000;

/** Condition on an entry `e`: it may be unread, as joins, leaves and deleted messages never are. */
export const mayBeUnread = `${isMessage} AND e.deleted_at IS NULL`;

/**
 * Counts the unread messages of many members of one channel, each up to a bound, by two statements: the authors of its newest
 * messages are the same for all of them.
 * @param maxCount number of messages at which counting stops
 * @returns a count for each member in the same order; it may be too low where the newest messages are too few to tell
 */
export async function countForMembers(
  { read }: Pick<Database, 'read'>,
  members: readonly SeenByMember[],
  maxCount: number,
  reader: string,
): Promise<MemberCount[]> {
  const { channelId = '' } = members[0] ?? {};
  const after = members.reduce((lowest, { seenSeq }) => Math.min(lowest, seenSeq), Number.MAX_SAFE_INTEGER);
  const [found] = await read(reader, selectNewestAuthors, { channelId, after });
  const { seqs = null, authorIds: authors = null, head } = found ?? {};
  const from = seqs?.length === maxNewest ? (seqs.at(-1) ?? 0) - 1 : Math.max(after, (head ?? 0) - maxExamined);
  const newest = { seqs: seqs ?? [], authorIds: authors ?? [], from };
  const authorIds = [...new Set(newest.authorIds)];
  const blockerIds = members.map(({ userId }) => userId);
  const blocks = authorIds.length === 0 ? [] : await read(reader, selectBlocksAmong, { blockerIds, authorIds });
  const hidden = new Map<string, Set<string>>();
  for (const { blockerId, blockedId } of blocks) {
    hidden.set(blockerId, (hidden.get(blockerId) ?? new Set()).add(blockedId));
  }
  return members.map((member) => countUnread(newest, member, hidden.get(member.userId) ?? nobody, maxCount));
}

const nobody: ReadonlySet<string> = new Set();

/** @param hidden users whom the member has blocked */
function countUnread(
  { seqs, authorIds, from }: NewestMessages,
  { userId, seenSeq }: SeenByMember,
  hidden: ReadonlySet<string>,
  maxCount: number,
): MemberCount {
  let count = 0;
  for (let n = 0; n < seqs.length && count < maxCount; n++) {
    if ((seqs[n] as number) <= seenSeq) return { count, isExact: true };
    const authorId = authorIds[n] as string;
    if (authorId !== userId && !hidden.has(authorId)) count++;
  }
  return { count, isExact: count === maxCount || seenSeq >= from };
}

const selectNewestAuthors = statement({
  sql: `
    SELECT array_agg(e.seq ORDER BY e.seq DESC) AS seqs, array_agg(e.author_id ORDER BY e.seq DESC) AS "authorIds",
      (SELECT c.seq FROM channel c WHERE c.id = $channelId) AS head
    FROM (
      SELECT e.seq, e.author_id FROM (
        SELECT * FROM entry e WHERE e.channel_id = $channelId AND e.seq > $after ORDER BY e.seq DESC LIMIT ${maxExamined}) e
      WHERE ${mayBeUnread} ORDER BY e.seq DESC LIMIT ${maxNewest}) e`,
  parameters: { channelId: uuid, after: int4 },
  row: { seqs: nullable(arrayOf(int4)), authorIds: nullable(arrayOf(uuid)), head: nullable(int4) },
});

const block = columns(tables.block, 'b', ['blockerId', 'blockedId']);

const selectBlocksAmong = statement({
  sql: `SELECT ${block.list} FROM block b WHERE b.blocker_id = ANY($blockerIds) AND b.blocked_id = ANY($authorIds)`,
  parameters: { blockerIds: arrayOf(uuid), authorIds: arrayOf(uuid) },
  row: block.row,
});
