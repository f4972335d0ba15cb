import type { PubSub } from '../../infra/pubsub/pubsub.ts';
import type { LiveStream } from '../../live/live-stream.ts';
import { createLiveStream } from '../../live/live-stream.ts';
import { type Access, judgeActivity } from '../access.ts';
import type { Viewer } from '../auth.ts';
import type { Blocks } from '../blocks.ts';
import { type RateLimits, rates } from '../rate-limits.ts';
import type { ActivityChannelOptions } from './activity-channel.ts';
import { createActivityChannels } from './activity-channels.ts';
import { type ActivityItem, isPresent } from './activity-event.ts';
import { createActivityPublisher } from './activity-publisher.ts';
import { createLocalTypers } from './local-typers.ts';

/**
 * Creates the transient signals of channels: who types, who comes and goes, how far members have seen. They go through pubsub
 * alone, to the nodes where somebody follows the channel's activity.
 * @param options.receiptsMaxMembers maximum number of members of a channel in which it is told how far they have seen
 */
export function createActivity(
  options: Omit<ActivityChannelOptions, 'publisher'> & {
    pubsub: PubSub;
    access: Pick<Access, 'requireCapability' | 'requireMember'>;
    blocks: Pick<Blocks, 'acquire'>;
    rateLimits: RateLimits;
    receiptsMaxMembers: number;
  },
) {
  const { access, blocks, receiptsMaxMembers } = options;
  const limit = options.rateLimits.frequent('typing', rates.typing);
  const publisher = createActivityPublisher(options);
  const typers = createLocalTypers({ ...options, publisher, leaseMs: options.typingLeaseMs });
  const channels = createActivityChannels({ ...options, publisher });

  return {
    /**
     * Tells the followers of a channel that the viewer types, until a lease ends, or has ceased to.
     * @throws NotFoundError, ForbiddenError or ConflictError if the viewer may not send there; RateLimitedError
     */
    async typing({ userId }: Viewer, channelId: string, isActive: boolean): Promise<void> {
      await limit.take(userId);
      await access.requireCapability('TYPE', channelId, userId);
      typers.set(channelId, userId, isActive);
    },
    /** Ends the typing of a user who has sent a message. */
    sent: typers.end,
    /** Tells the followers of a channel that a member has seen more, unless the channel is too large. */
    seen(channelId: string, userId: string, memberCount: number): void {
      if (memberCount <= receiptsMaxMembers) publisher.seen(channelId, userId);
    },
    /**
     * Follows the activity of a channel: first its present typers and members online, then changes.
     * @returns a stream that is live when this resolves; it throws ForbiddenError once the viewer is no longer a member
     * @throws NotFoundError or ForbiddenError when the viewer is not a member; RateLimitedError
     */
    async follow({ userId }: Viewer, channelId: string): Promise<LiveStream<ActivityItem>> {
      await access.requireMember(channelId, userId);
      const { source, release } = await channels.acquire(channelId, userId);
      try {
        // Signals after this may end the membership that is checked now.
        const start = source.start();
        const [joinedAt, blocked] = await Promise.all([
          access.requireMember(channelId, userId),
          blocks.acquire(userId),
        ]);
        const reader = { userId, start: start.head, joinedAt, hasBlocked: blocked.has };
        const judge = (item: ActivityItem) =>
          judgeActivity({ ...item, isPresent: isPresent(item), isPresence: item.type === 'presence' }, reader);
        return createLiveStream(source, { position: start.position, judge }, () => {
          blocked.release();
          release();
        });
      } catch (error) {
        release();
        throw error;
      }
    },
    /** Numbers of channels and of changes that wait, for metrics. */
    size: channels.size,
    waiting: channels.waiting,
    stop(): void {
      publisher.stop();
      typers.stop();
      channels.stop();
    },
  };
}

/** The activity of channels, made by `createActivity`. */
export type Activity = ReturnType<typeof createActivity>;
