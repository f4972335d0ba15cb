import { BadUserInputError } from '../errors.ts';
import { seenTopic } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { unblockedBy } from '../infra/database/entries.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import type { Viewer } from './auth.ts';
import { mayRead } from './policies.ts';
import { rejectionError } from './submit-event.ts';

/** What a member has not seen of a channel: entries after the seen mark, one's own and those of blocked authors left out. */
export interface Unread {
  channelId: string;
  count: number;
  /** The first of them; null when all is seen. */
  firstId: string | null;
}

/** How far members have seen. */
export function createReceipts(options: {
  database: Pick<Database, 'query' | 'prisma'>;
  pubsub: PubSub;
  logger: Logger;
}) {
  const { pubsub, logger } = options;
  const { query, prisma } = options.database;

  /** So that the viewer's other windows count anew. */
  function tell(userId: string, channelId: string): Promise<void> {
    return pubsub.publish(seenTopic(userId), channelId).catch((error: unknown) => {
      logger.warn({ error }, 'a seen mark was not signalled; it shows when the channel is told next');
    });
  }

  return {
    /** Moves the viewer's seen mark forward, never back nor beyond the newest entry. */
    async markSeen(viewer: Viewer, channelId: string, seq: number): Promise<void> {
      if (seq < 0) throw new BadUserInputError([{ path: 'seq', message: 'takes a seq, 0 or above' }]);
      const marked = await query(
        `INSERT INTO seen_mark (channel_id, user_id, seq)
         SELECT c.id, m.user_id, least($3::int, c.seq) FROM channel c
         JOIN member m ON m.channel_id = c.id AND m.user_id = $2 AND m.state = 'ACTIVE' WHERE c.id = $1
         ON CONFLICT (channel_id, user_id) DO UPDATE SET seq = greatest(seen_mark.seq, excluded.seq) RETURNING seq`,
        [channelId, viewer.userId, seq],
      );
      if (marked.length > 0) return tell(viewer.userId, channelId);
      const channel = await prisma.channel.findUnique({ where: { id: channelId } });
      const refusal = mayRead(channel, null);
      if (refusal) throw rejectionError(refusal);
    },

    /** What a user has not seen, for each of the channels where the user is a member. */
    unread(userId: string, channelIds: readonly string[]): Promise<Unread[]> {
      return query<Unread>(`${unreadStatement} AND m.channel_id = ANY($2::uuid[])`, [userId, channelIds]);
    },

    /** How many entries a user has not seen, in all channels. */
    async unreadInAll(userId: string): Promise<number> {
      const [row] = await query<{ count: number }>(
        `SELECT coalesce(sum(u.count), 0)::int AS count FROM (${unreadStatement}) u`,
        [userId],
      );
      return row?.count ?? 0;
    },
  };
}

export type Receipts = ReturnType<typeof createReceipts>;

const unreadStatement = `
  SELECT m.channel_id AS "channelId", n.count, n."firstId" FROM member m
  LEFT JOIN seen_mark s ON s.channel_id = m.channel_id AND s.user_id = m.user_id
  CROSS JOIN LATERAL (
    SELECT count(*)::int AS count, (array_agg(e.id ORDER BY e.seq))[1] AS "firstId" FROM entry e
    WHERE e.channel_id = m.channel_id AND e.seq > greatest(m.joined_seq, s.seq) AND e.author_id <> m.user_id
      AND ${unblockedBy('m.user_id')}) n
  WHERE m.user_id = $1 AND m.state = 'ACTIVE'`;
