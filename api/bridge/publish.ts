import { channelTopic, outcomesTopic, type Signals, type Topic, userTopic } from '../events.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import { createSignalPublisher } from '../signal-publisher.ts';
import type { Changeset } from './changeset.ts';
import { createSignalProgress } from './signal-progress.ts';

type Published = Signals[`outcomes:${string}`][number];

/** Offsets that a transaction found and left: the next event of a partition before it and after it. */
export interface Move {
  partition: number;
  from: bigint;
  next: bigint;
}

/**
 * Publishes changesets: one signal for each channel, one for each gateway that waits for outcomes, and one for each user whom
 * a change concerns alone. A failed signal is repeated until it succeeds. Where signals of an earlier bridge may be missing,
 * gateways are told to verify their channels and users.
 */
export function createPublisher(options: { pubsub: PubSub; metrics: { publishFailed(): void }; logger: Logger }) {
  const signals = createSignalPublisher({ ...options, onFailed: options.metrics.publishFailed });
  const progress = createSignalProgress({ onGivenUp: (partition) => takeOver(partition, progress.next(partition)) });

  return {
    /**
     * Sends all signals of a changeset in the order in which it was applied, without waiting for them.
     * @param moves of the partitions that the transaction had locked
     */
    publish(changeset: Changeset, moves: readonly Move[] = []): void {
      for (const { partition, from, next } of moves) {
        if (!progress.move(partition, Number(from), Number(next))) takeOver(partition, Number(next));
      }
      sendChannels(changeset);
      for (const [gatewayId, list] of byGateway(changeset.outcomes)) signals.publish(outcomesTopic(gatewayId), list);
      sendUsers(changeset);
      for (const { partition } of moves) progress.close(partition);
    },
    /** Tells gateways that this bridge applies a partition from the next event on. */
    begin: (partition: number, next: bigint) => takeOver(partition, Number(next)),
    /** Number of failed signals that wait for their repetition, for metrics. */
    waiting: signals.waiting,
    /** Resolves when no signal is under way; failed ones are repeated once more. */
    stop: signals.stop,
  };

  function takeOver(partition: number, from: number): void {
    signals.publish('takeovers', { partition, from }, progress.begin(partition, from));
  }

  function sendChannels({ heads, entries }: Changeset): void {
    for (const [channelId, head] of heads) {
      head.through = progress.through(head.partition);
      send(channelTopic(channelId), { head, entries: entries.get(channelId) ?? [] }, head.partition);
    }
  }

  function sendUsers({ heads, memberships, matchUsers }: Changeset): void {
    for (const [channelId, userIds] of memberships) {
      const partition = heads.get(channelId)?.partition ?? -1;
      for (const userId of userIds) send(userTopic(userId), { type: 'membership', channelId }, partition);
    }
    for (const [userId, partition] of matchUsers) send(userTopic(userId), { type: 'match' }, partition);
  }

  function send<T extends Topic>(topic: T, message: Signals[T], partition: number): void {
    signals.publish(topic, message, progress.hold(partition));
  }
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
