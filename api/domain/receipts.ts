import { BadUserInputError } from '../errors.ts';
import { userTopic } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { tables } from '../infra/database/tables.ts';
import { int4, uuid } from '../infra/database/types.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { publishSignal } from '../live/publish-signal.ts';
import type { Logger } from '../logger.ts';
import { throwRefusal } from './access.ts';
import type { Viewer } from './auth.ts';
import { mayRead } from './policies.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import { createUnread } from './unread.ts';

/** Stores how far members have read each channel, and counts their unread messages. */
export function createReceipts(options: {
  database: Pick<Database, 'query' | 'read' | 'prisma'>;
  pubsub: PubSub;
  rateLimits: RateLimits;
  logger: Logger;
}) {
  const { query, prisma } = options.database;
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
      if (marked.length > 0) return publishSignal(options, userTopic(viewer.userId), { type: 'seen', channelId });
      const channel = await prisma.channel.findUnique({ where: { id: channelId } });
      throwRefusal(mayRead(channel, null));
    },

    ...createUnread(options.database),
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
