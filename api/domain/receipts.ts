import { BadUserInputError } from '../errors.ts';
import { userTopic } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { publishSignal } from '../live/publish-signal.ts';
import type { Logger } from '../logger.ts';
import { throwRefusal } from './access.ts';
import type { Activity } from './activity/activity.ts';
import type { Viewer } from './auth.ts';
import { changeOwnRecord, lowerSeenMark, raiseSeenMark } from './own-records.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import { createUnread } from './unread.ts';

/** Stores how far members have read each channel, and counts their unread messages. */
export function createReceipts(options: {
  database: Pick<Database, 'query' | 'read'>;
  pubsub: PubSub;
  rateLimits: RateLimits;
  /** Told of each seen mark that a member set, with the size of the channel. */
  activity: Pick<Activity, 'seen'>;
  logger: Logger;
}) {
  const { query } = options.database;
  const seenMarks = options.rateLimits.frequent('seen-marks', rates.seenMarks);

  return {
    /**
     * Moves the viewer's seen mark forward, at most to the newest entry, and signals it to the viewer's other devices.
     * @throws BadUserInputError if `seq` is negative; NotFoundError or ForbiddenError if the viewer is not a member, or may
     * not read that entry; RateLimitedError
     */
    async markSeen(viewer: Viewer, channelId: string, seq: number): Promise<void> {
      if (seq < 0) throw new BadUserInputError([{ path: 'seq', message: 'must be 0 or above' }]);
      await move(viewer, channelId, { statement: raiseSeenMark, seq });
    },

    /**
     * Moves the viewer's seen mark back so that the entry with this seq is not seen, and signals it. It never moves forward.
     * @throws BadUserInputError if `seq` is below 1; otherwise as `markSeen`
     */
    async markUnread(viewer: Viewer, channelId: string, seq: number): Promise<void> {
      if (seq < 1) throw new BadUserInputError([{ path: 'seq', message: 'must be 1 or above' }]);
      await move(viewer, channelId, { statement: lowerSeenMark, seq });
    },

    ...createUnread(options.database),
  };

  async function move(
    { userId }: Viewer,
    channelId: string,
    { statement, seq }: { statement: typeof raiseSeenMark; seq: number },
  ): Promise<void> {
    await seenMarks.take(userId);
    const key = { channelId, userId };
    let memberCount = 0;
    const mark = async () => {
      const marked = await query(statement, { ...key, seq });
      memberCount = marked[0]?.memberCount ?? 0;
      return marked;
    };
    throwRefusal(await changeOwnRecord(query, key, mark, seq));
    options.activity.seen(channelId, userId, memberCount);
    await publishSignal(options, userTopic(userId), { type: 'seen', channelId });
  }
}

/** The receipts of members, made by `createReceipts`. */
export type Receipts = ReturnType<typeof createReceipts>;
