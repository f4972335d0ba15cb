import { channelTopic, matchTopic, outcomesTopic, type Signals, type Topic } from '../events.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import type { Changeset } from './changeset.ts';

type Published = Signals[`outcomes:${string}`][number];

/**
 * Publishes what was applied: one message a channel, one a gateway, one to all with the heads. A message that cannot be
 * published is counted and given up: gateways look up what they miss.
 */
export function createPublisher(options: { pubsub: PubSub; metrics: { publishFailed(): void }; logger: Logger }) {
  const { pubsub, metrics, logger } = options;
  const underway = new Set<Promise<void>>();

  function send<T extends Topic>(topic: T, message: Signals[T]): void {
    const sending = pubsub
      .publish(topic, message)
      .catch((error: unknown) => {
        metrics.publishFailed();
        logger.warn({ error, topic }, 'not published; those who listen will look it up');
      })
      .finally(() => underway.delete(sending));
    underway.add(sending);
  }

  return {
    /** Hands everything over at once, in the order in which it was applied; waits for none of it. */
    publish({ entries, outcomes, heads, matchUserIds }: Changeset): void {
      for (const [channelId, list] of entries) send(channelTopic(channelId), list);
      for (const [gatewayId, list] of byGateway(outcomes)) send(outcomesTopic(gatewayId), list);
      if (heads.size > 0) send('heads', [...heads.values()]);
      for (const userId of matchUserIds) send(matchTopic(userId), null);
    },
    /** Resolves when nothing is on its way any more. */
    async drain(): Promise<void> {
      await Promise.all(underway);
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
