import { activityTopic } from '../../events.ts';
import type { PubSub, Unsubscribe } from '../../infra/pubsub/pubsub.ts';
import type { Logger } from '../../logger.ts';
import type { ActivityPublisher } from './activity-publisher.ts';
import { createTypers, type Typers } from './typers.ts';

/** The typers of one channel on this gateway, and the subscription by which other gateways ask for them. */
interface LocalChannel {
  typers: Typers;
  subscription: Promise<Unsubscribe | undefined>;
}

/**
 * Keeps the users who type through this gateway. It tells the gateways that follow the channel, now and when one begins
 * to follow it. The topic of a channel is followed while somebody types.
 * @param options.leaseMs milliseconds for which a user counts as typing
 */
export function createLocalTypers(options: {
  pubsub: Pick<PubSub, 'subscribe'>;
  publisher: ActivityPublisher;
  leaseMs: number;
  logger: Logger;
}) {
  const { pubsub, publisher, leaseMs, logger } = options;
  const channels = new Map<string, LocalChannel>();

  return {
    /** Begins, renews or ends the typing of a user. */
    set(channelId: string, userId: string, isActive: boolean): void {
      publisher.typing(channelId, userId, isActive);
      if (isActive || channels.has(channelId))
        (channels.get(channelId) ?? open(channelId)).typers.set(userId, isActive);
    },
    /** Ends the typing of a user who types through this gateway. */
    end(channelId: string, userId: string): void {
      const typers = channels.get(channelId)?.typers;
      if (typers?.has(userId)) typers.set(userId, false);
    },
    stop(): void {
      for (const { typers } of channels.values()) typers.stop();
    },
  };

  function open(channelId: string): LocalChannel {
    const typers = createTypers({ leaseMs, onChange });
    const subscription = pubsub
      .subscribe(activityTopic(channelId), ({ asks }) => {
        if (asks) for (const userId of typers.ids()) publisher.typing(channelId, userId, true);
      })
      .catch(warn);
    const channel = { typers, subscription };
    channels.set(channelId, channel);
    return channel;

    function onChange(userId: string, isActive: boolean): void {
      if (isActive) return;
      publisher.typing(channelId, userId, false);
      closeUnused(channelId);
    }
  }

  function closeUnused(channelId: string): void {
    const channel = channels.get(channelId);
    if (channel === undefined || channel.typers.ids().length > 0) return;
    channels.delete(channelId);
    channel.subscription.then((unsubscribe) => unsubscribe?.()).catch(warn);
  }

  function warn(error: unknown): undefined {
    logger.debug({ error }, 'a topic of typers was not followed cleanly: they are told when they are renewed');
  }
}
