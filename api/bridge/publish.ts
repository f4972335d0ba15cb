import { channelTopic, matchTopic, outcomesTopic, type Signals, type Topic, userTopic } from '../events.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import type { Changeset } from './changeset.ts';

type Published = Signals[`outcomes:${string}`][number];

/**
 * Publishes changesets: one message for each channel, one for each gateway, and one with the heads for all gateways. A
 * failed message is counted and not repeated, because gateways look up the changes they miss.
 */
export function createPublisher(options: { pubsub: PubSub; metrics: { publishFailed(): void }; logger: Logger }) {
  const { pubsub, metrics, logger } = options;
  const pending = new Set<Promise<void>>();

  function send<T extends Topic>(topic: T, message: Signals[T]): void {
    const sending = pubsub
      .publish(topic, message)
      .catch((error: unknown) => {
        metrics.publishFailed();
        logger.warn({ error, topic }, 'a message was not published; its subscribers will look the change up');
      })
      .finally(() => pending.delete(sending));
    pending.add(sending);
  }

  return {
    /** Sends all messages of a changeset in the order in which it was applied, without waiting for them. */
    publish({ entries, outcomes, heads, memberships, matchUserIds }: Changeset): void {
      for (const [channelId, head] of heads) {
        send(channelTopic(channelId), { head, entries: entries.get(channelId) ?? [] });
      }
      for (const [gatewayId, list] of byGateway(outcomes)) send(outcomesTopic(gatewayId), list);
      for (const [channelId, userIds] of memberships) {
        for (const userId of userIds) send(userTopic(userId), { type: 'membership', channelId });
      }
      if (heads.size > 0) {
        const all = [...heads.values()];
        send(
          'heads',
          all.map((head) => ({ ...head, userIds: [...(memberships.get(head.channelId) ?? [])] })),
        );
      }
      for (const userId of matchUserIds) send(matchTopic(userId), null);
    },
    /** Resolves when no message is pending. */
    async drain(): Promise<void> {
      await Promise.all(pending);
    },
  };
}

function byGateway(outcomes: Changeset['outcomes']): Map<string, Published[]> {
  const lists = new Map<string, Published[]>();
  for (const { event, outcome } of outcomes) {
    const published = { eventId: event.eventId, outcome };
    const list = lists.get(event.gatewayId);
    if (list) list.push(published);
    else lists.set(event.gatewayId, [published]);
  }
  return lists;
}
