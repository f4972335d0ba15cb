import type { Database } from '../infra/database/database.ts';
import { unblockedBy } from '../infra/database/entries.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { enums, tables } from '../infra/database/tables.ts';
import { arrayOf, int4, nullable, uuid } from '../infra/database/types.ts';
import { type ChannelOfUser, toColumns } from './channel-of-user.ts';
import { selectMentionCounts } from './mention-counts.ts';
import { isArchived, notifyLevel, ownRecord, unreadAfterSeq } from './own-records.ts';
import { countForMembers, mayBeUnread, type SeenByMember } from './unread-of-members.ts';

/**
 * The unread messages of a member in one channel: those after the seen mark that are not deleted, by users other than the member whom
 * the member has not blocked. Other kinds of entries are never unread.
 */
export interface Unread extends ChannelOfUser {
  /** At most `maxUnread`. */
  count: number;
  /** Id of the first unread message; null if there is none. */
  firstId: string | null;
}

/** Number of unread messages at which counting stops: `maxUnread` means that many or more. */
export const maxUnread = 1_000;

/** Number of entries after a seen mark that the first statement examines. Nearly all counts end there. */
const firstWindow = 2 * maxUnread;
/** Number of entries that each later statement examines, of one channel, and the maximum number of these statements. */
const laterWindow = 10_000;
const maxLaterWindows = 5;

/** Number of members of one channel from which on they are counted together. */
const minShared = 5;
/** Maximum number of members that one statement counts one by one. */
const countedAtOnce = 50;
/** Maximum number of a user's channels with news, most recent activity first, that the count over all channels examines. */
const maxCountedChannels = 1_000;

/** Counts the unread messages of members. `reader` is the key of the user who waits for it. */
export function createUnread({ read }: Pick<Database, 'read'>) {
  return {
    unread,

    /**
     * Returns the numbers of unread messages of members, each at most `maxUnread`. Members of one channel share their
     * statements, which run one after another, however many channels there are.
     */
    async unreadCounts(
      members: readonly SeenByMember[],
      reader: string,
    ): Promise<(SeenByMember & { count: number })[]> {
      const groups = groupByChannel(members);
      const counted = await countsOfFew(groups.filter(({ length }) => length < minShared).flat(), reader);
      for (const group of groups)
        if (group.length >= minShared) counted.push(...(await countsOfChannel(group, reader)));
      return counted;
    },

    mentions,

    /**
     * Returns the numbers of unread messages of users in all of their channels, each at most `maxUnread`: only those that mention the user
     * in channels whose other messages should not alert the user. Archived and muted channels are left out.
     */
    async unreadInAll(userIds: readonly string[], reader: string): Promise<{ userId: string; count: number }[]> {
      const counts = new Map(userIds.map((userId) => [userId, 0]));
      const found = await read(reader, selectChannelsWithNews, { userIds });
      for (const [notify, count] of [
        ['MENTIONS', mentions],
        ['ALL', unread],
      ] as const)
        await addCounts(
          counts,
          found.filter((channel) => channel.notify === notify),
          (part) => count(part, reader),
        );
      return [...counts].map(([userId, count]) => ({ userId, count }));
    },
  };

  /** Returns the numbers of unread messages that mention members, each at most `maxMentions`; pairs without a membership are left out. */
  function mentions(pairs: readonly ChannelOfUser[], reader: string): Promise<(ChannelOfUser & { count: number })[]> {
    return read(reader, selectMentionCounts, toColumns(pairs));
  }

  /** Returns the unread messages of users in channels, in no order; pairs without a membership are left out. */
  async function unread(pairs: readonly ChannelOfUser[], reader: string): Promise<Unread[]> {
    const afters = pairs.map(() => 0);
    const begun = await read(reader, selectUnread, { ...toColumns(pairs), afters, window: firstWindow });
    const counted: Unread[] = [];
    for (const counting of begun) counted.push(await finish(counting, reader));
    return counted;
  }

  /** Goes on where the first statement passed over nearly everything: joins, or messages that do not count. */
  async function finish(begun: Counting, reader: string): Promise<Unread> {
    const { channelId, userId } = begun;
    let { count, firstId, through } = begun;
    for (let n = 0; n < maxLaterWindows && through !== null; n++) {
      const key = { channelIds: [channelId], userIds: [userId], afters: [through], window: laterWindow };
      const [found] = await read(reader, selectUnread, key);
      count = Math.min(maxUnread, count + (found?.count ?? 0));
      firstId ??= found?.firstId ?? null;
      through = count === maxUnread ? null : (found?.through ?? null);
    }
    return { channelId, userId, count, firstId };
  }

  async function countsOfFew(members: readonly SeenByMember[], reader: string) {
    const counts = new Map<string, number>();
    for (let from = 0; from < members.length; from += countedAtOnce) {
      const rows = await unread(members.slice(from, from + countedAtOnce), reader);
      for (const { channelId, userId, count } of rows) counts.set(`${channelId}:${userId}`, count);
    }
    return members.map((member) => ({ ...member, count: counts.get(`${member.channelId}:${member.userId}`) ?? 0 }));
  }

  async function countsOfChannel(members: readonly SeenByMember[], reader: string) {
    const counts = await countForMembers({ read }, members, maxUnread, reader);
    const uncertain = members.filter((_, n) => counts[n]?.isExact === false);
    const recounted = await countsOfFew(uncertain, reader);
    const others = new Map(recounted.map(({ userId, count }) => [userId, count]));
    return members.map((member, n) => ({
      ...member,
      count: Math.max(counts[n]?.count ?? 0, others.get(member.userId) ?? 0),
    }));
  }
}

/** Adds the counts of channels to those of their users, in parts, until they reach the bound. */
async function addCounts(
  counts: Map<string, number>,
  channels: readonly ChannelOfUser[],
  count: (part: readonly ChannelOfUser[]) => Promise<readonly (ChannelOfUser & { count: number })[]>,
): Promise<void> {
  let waiting = channels;
  while (waiting.length > 0) {
    for (const { userId, count: added } of await count(waiting.slice(0, countedAtOnce)))
      counts.set(userId, Math.min(maxUnread, (counts.get(userId) ?? 0) + added));
    waiting = waiting.slice(countedAtOnce).filter(({ userId }) => counts.get(userId) !== maxUnread);
  }
}

/** A count whose entries up to a seq were examined; null once there are no more to examine. */
interface Counting extends Unread {
  through: number | null;
}

function groupByChannel(members: readonly SeenByMember[]): SeenByMember[][] {
  const groups = new Map<string, SeenByMember[]>();
  for (const member of members) {
    const group = groups.get(member.channelId);
    if (group) group.push(member);
    else groups.set(member.channelId, [member]);
  }
  return [...groups.values()];
}

const member = columns(tables.member, 'm', ['channelId', 'userId']);

/**
 * Counts the unread messages among the first `$window` entries after the seen mark, or after a seq above it. Seqs are dense, apart
 * from old entries that were removed: so a range of seqs bounds the rows, and shows how far it goes.
 */
export const selectUnread = statement({
  sql: `
    SELECT ${member.list}, n.count,
      (SELECT e.id FROM entry e WHERE e.channel_id = m.channel_id AND e.seq = n.first) AS "firstId",
      CASE WHEN n.count < ${maxUnread} AND f.seq + $window < c.seq THEN f.seq + $window END AS through
    FROM unnest($channelIds, $userIds, $afters) AS w(channel_id, user_id, after)
    JOIN member m ON m.channel_id = w.channel_id AND m.user_id = w.user_id AND m.state = 'ACTIVE'
    JOIN channel c ON c.id = m.channel_id
    LEFT JOIN ${ownRecord}
    CROSS JOIN LATERAL (SELECT coalesce((
      SELECT e.seq - 1 FROM entry e WHERE e.channel_id = m.channel_id AND e.seq > greatest(${unreadAfterSeq}, w.after)
      ORDER BY e.seq LIMIT 1), c.seq) AS seq) f
    CROSS JOIN LATERAL (SELECT count(*)::int AS count, min(u.seq) AS first FROM (
      SELECT e.seq FROM entry e
      WHERE e.channel_id = m.channel_id AND e.seq > f.seq AND e.seq <= f.seq + $window
        AND ${mayBeUnread} AND e.author_id <> m.user_id AND ${unblockedBy('m.user_id')}
      ORDER BY e.seq LIMIT ${maxUnread}) u) n`,
  parameters: { channelIds: arrayOf(uuid), userIds: arrayOf(uuid), afters: arrayOf(int4), window: int4 },
  row: { ...member.row, count: int4, firstId: nullable(uuid), through: nullable(int4) },
});

/**
 * Reads the memberships of users whose channels have entries that they have not seen, without archived and muted ones.
 */
export const selectChannelsWithNews = statement({
  sql: `
    SELECT ${member.list}, m.notify FROM unnest($userIds) AS w(user_id) CROSS JOIN LATERAL (
      SELECT m.channel_id, m.user_id, ${notifyLevel} AS notify FROM member m JOIN channel c ON c.id = m.channel_id
      LEFT JOIN ${ownRecord}
      WHERE m.user_id = w.user_id AND m.state = 'ACTIVE' AND c.seq > ${unreadAfterSeq}
        AND ${notifyLevel} <> 'NOTHING' AND NOT ${isArchived}
      ORDER BY c.last_activity_at DESC LIMIT ${maxCountedChannels}) m`,
  parameters: { userIds: arrayOf(uuid) },
  row: { ...member.row, notify: enums.notifyLevel },
});
