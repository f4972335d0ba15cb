import { BadUserInputError } from '../errors.ts';
import { seenTopic } from '../events.ts';
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
import type { Viewer } from './auth.ts';
import { mayRead } from './policies.ts';
import { type RateLimits, rates } from './rate-limits.ts';

/** The unread entries of a member in one channel: those after the seen mark, except the member's own and blocked authors'. */
export interface Unread {
  channelId: string;
  count: number;
  /** Id of the first unread entry; null if there is none. */
  firstId: string | null;
}

/** Stores how far members have read each channel, and counts their unread entries. */
export function createReceipts(options: {
  database: Pick<Database, 'query' | 'read' | 'prisma'>;
  pubsub: PubSub;
  rateLimits: RateLimits;
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
      if (marked.length > 0) return publishSignal(options, seenTopic(viewer.userId), channelId);
      const channel = await prisma.channel.findUnique({ where: { id: channelId } });
      throwRefusal(mayRead(channel, null));
    },

    /** Returns the unread entries of a user in each of these channels; channels without the user are left out. */
    unread(userId: string, channelIds: readonly string[]): Promise<Unread[]> {
      return read(userId, selectUnread, { userId, channelIds });
    },

    /** Returns the number of unread entries of a user in all channels. */
    async unreadInAll(userId: string): Promise<number> {
      const [row] = await read(userId, countUnread, { userId });
      return row?.count ?? 0;
    },
  };
}

/** The receipts of members, made by `createReceipts`. */
export type Receipts = ReturnType<typeof createReceipts>;

const raiseSeenMark = statement({
  sql: `
    INSERT INTO seen_mark (channel_id, user_id, seq)
    SELECT c.id, m.user_id, least($seq, c.seq) FROM channel c
    JOIN member m ON m.channel_id = c.id AND m.user_id = $userId AND m.state = 'ACTIVE' WHERE c.id = $channelId
    ON CONFLICT (channel_id, user_id) DO UPDATE SET seq = greatest(seen_mark.seq, excluded.seq) RETURNING seq`,
  parameters: { channelId: uuid, userId: uuid, seq: int4 },
  row: { seq: tables.seenMark.columns.seq },
});

const member = columns(tables.member, 'm', ['channelId']);

const unread = `
  SELECT ${member.list}, n.count, n."firstId" FROM member m
  LEFT JOIN seen_mark s ON s.channel_id = m.channel_id AND s.user_id = m.user_id
  CROSS JOIN LATERAL (
    SELECT count(*)::int AS count, (array_agg(e.id ORDER BY e.seq))[1] AS "firstId" FROM entry e
    WHERE e.channel_id = m.channel_id AND e.seq > greatest(m.joined_seq, s.seq) AND e.author_id <> m.user_id
      AND ${unblockedBy('m.user_id')}) n
  WHERE m.user_id = $userId AND m.state = 'ACTIVE'`;

const selectUnread = statement({
  sql: `${unread} AND m.channel_id = ANY($channelIds)`,
  parameters: { userId: uuid, channelIds: arrayOf(uuid) },
  row: { ...member.row, count: int4, firstId: nullable(uuid) },
});

const countUnread = statement({
  sql: `SELECT coalesce(sum(u.count), 0)::int AS count FROM (${unread}) u`,
  parameters: { userId: uuid },
  row: { count: int4 },
});
