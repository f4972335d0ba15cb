import { BadUserInputError } from '../errors.ts';
import { userTopic } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { unblockedBy } from '../infra/database/entries.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, nullable, uuid } from '../infra/database/types.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { publishSignal } from '../live/publish-signal.ts';
import type { Logger } from '../logger.ts';
import { throwRefusal } from './access.ts';
import type { Activity } from './activity/activity.ts';
import type { Viewer } from './auth.ts';
import { type ChannelOfUser, toColumns } from './channel-of-user.ts';
import { mayRead } from './policies.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import { countForMembers, type SeenByMember } from './unread-counts.ts';

/** The unread entries of a member in one channel: those after the seen mark, except the member's own and blocked authors'. */
export interface Unread extends ChannelOfUser {
  /** At most `maxUnread`. */
  count: number;
  /** Id of the first unread entry; null if there is none. */
  firstId: string | null;
}

/** Number of unread entries at which counting stops: `maxUnread` means that many or more. */
export const maxUnread = 1_000;

/**
 * Maximum number of entries after a seen mark that a count examines. There are more than `maxUnread`, so that a count is
 * exact if the member wrote as many entries since, or has blocked the authors of as many.
 */
const maxExamined = 2 * maxUnread;

/** Number of members of one channel from which on they are counted together. */
const minShared = 5;
/** Maximum number of members that one statement counts one by one. */
const countedAtOnce = 50;

/** Maximum number of a user's channels that the count over all channels examines. */
const maxCountedChannels = 1_000;

/** Stores how far members have read each channel, and counts their unread entries. */
export function createReceipts(options: {
  database: Pick<Database, 'query' | 'read' | 'prisma'>;
  pubsub: PubSub;
  rateLimits: RateLimits;
  /** Told of each seen mark that a member set, with the size of the channel. */
  activity: Pick<Activity, 'seen'>;
  logger: Logger;
}) {
  const { query, read, prisma } = options.database;
  const seenMarks = options.rateLimits.frequent('seen-marks', rates.seenMarks);

  return {
    /**
     * Moves the viewer's seen mark forward, at most to the newest entry, and signals it to the viewer's other devices.
     * @throws BadUserInputError if `seq` is negative; NotFoundError or ForbiddenError if the viewer is not a member;
     * RateLimitedError
     */
    async markSeen(viewer: Viewer, channelId: string, seq: number): Promise<void> {
      if (seq < 0) throw new BadUserInputError([{ path: 'seq', message: 'must be 0 or above' }]);
      await seenMarks.take(viewer.userId);
      const marked = await query(raiseSeenMark, { channelId, userId: viewer.userId, seq });
      const [mark] = marked;
      if (mark) {
        options.activity.seen(channelId, viewer.userId, mark.memberCount);
        return publishSignal(options, userTopic(viewer.userId), { type: 'seen', channelId });
      }
      const channel = await prisma.channel.findUnique({ where: { id: channelId } });
      throwRefusal(mayRead(channel, null));
    },

    unread,

    /**
     * Returns the numbers of unread entries of members, each at most `maxUnread`. Members of one channel share their
     * statements, which run one after another, however many channels there are.
     * @param reader key of the user who waits for it
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

    /**
     * Returns the numbers of unread entries of users in all of their channels, each at most `maxUnread`.
     * @param reader key of the user who waits for it
     */
    unreadInAll(userIds: readonly string[], reader: string): Promise<{ userId: string; count: number }[]> {
      return read(reader, countUnread, { userIds });
    },
  };

  /**
   * Returns the unread entries of users in channels, in no order; pairs without a membership are left out.
   * @param reader key of the user who waits for it
   */
  function unread(pairs: readonly ChannelOfUser[], reader: string): Promise<Unread[]> {
    return read(reader, selectUnread, toColumns(pairs));
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
    const counts = await countForMembers(options.database, members, maxUnread, reader);
    const uncertain = members.filter((_, n) => counts[n]?.isExact === false);
    const recounted = await countsOfFew(uncertain, reader);
    const others = new Map(recounted.map(({ userId, count }) => [userId, count]));
    return members.map((member, n) => ({
      ...member,
      count: Math.max(counts[n]?.count ?? 0, others.get(member.userId) ?? 0),
    }));
  }
}

/** The receipts of members, made by `createReceipts`. */
export type Receipts = ReturnType<typeof createReceipts>;

function groupByChannel(members: readonly SeenByMember[]): SeenByMember[][] {
  const groups = new Map<string, SeenByMember[]>();
  for (const member of members) {
    const group = groups.get(member.channelId);
    if (group) group.push(member);
    else groups.set(member.channelId, [member]);
  }
  return [...groups.values()];
}

const raiseSeenMark = statement({
  sql: `
    INSERT INTO seen_mark (channel_id, user_id, seq)
    SELECT c.id, m.user_id, least($seq, c.seq) FROM channel c
    JOIN member m ON m.channel_id = c.id AND m.user_id = $userId AND m.state = 'ACTIVE' WHERE c.id = $channelId
    ON CONFLICT (channel_id, user_id) DO UPDATE SET seq = greatest(seen_mark.seq, excluded.seq)
    RETURNING seq, (SELECT c.member_count FROM channel c WHERE c.id = $channelId) AS "memberCount"`,
  parameters: { channelId: uuid, userId: uuid, seq: int4 },
  row: { seq: tables.seenMark.columns.seq, memberCount: tables.channel.columns.memberCount },
});

const member = columns(tables.member, 'm', ['channelId', 'userId']);

/** The seqs of the unread entries of the membership `m` with the seen mark `s`. */
const unreadOfMember = `
  SELECT e.seq FROM (
    SELECT e.seq, e.author_id FROM entry e
    WHERE e.channel_id = m.channel_id AND e.seq > greatest(m.joined_seq, s.seq) ORDER BY e.seq LIMIT ${maxExamined}) e
  WHERE e.author_id <> m.user_id AND ${unblockedBy('m.user_id')} LIMIT ${maxUnread}`;

export const selectUnread = statement({
  sql: `
    SELECT ${member.list}, n.count,
      (SELECT e.id FROM entry e WHERE e.channel_id = m.channel_id AND e.seq = n.first) AS "firstId"
    FROM unnest($channelIds, $userIds) AS w(channel_id, user_id)
    JOIN member m ON m.channel_id = w.channel_id AND m.user_id = w.user_id AND m.state = 'ACTIVE'
    LEFT JOIN seen_mark s ON s.channel_id = m.channel_id AND s.user_id = m.user_id
    CROSS JOIN LATERAL (SELECT count(*)::int AS count, min(u.seq) AS first FROM (${unreadOfMember}) u) n`,
  parameters: { channelIds: arrayOf(uuid), userIds: arrayOf(uuid) },
  row: { ...member.row, count: int4, firstId: nullable(uuid) },
});

export const countUnread = statement({
  sql: `
    SELECT w.user_id AS "userId", n.count FROM unnest($userIds) AS w(user_id)
    CROSS JOIN LATERAL (
      SELECT count(*)::int AS count FROM (
        SELECT FROM (
          SELECT * FROM member m WHERE m.user_id = w.user_id AND m.state = 'ACTIVE' LIMIT ${maxCountedChannels}) m
        LEFT JOIN seen_mark s ON s.channel_id = m.channel_id AND s.user_id = m.user_id
        CROSS JOIN LATERAL (${unreadOfMember}) u LIMIT ${maxUnread}) found) n`,
  parameters: { userIds: arrayOf(uuid) },
  row: { userId: uuid, count: int4 },
});
