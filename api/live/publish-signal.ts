import type { Signals, Topic } from '../events.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';

/** Publishes a signal. Never rejects: a failure is logged, and other processes find the change by their checks. */
export async function publishSignal<T extends Topic>(
  { pubsub, logger }: { pubsub: Pick<PubSub, 'publish'>; logger: Logger },
  topic: T,
  message: Signals[T],
): Promise<void> {
  try {
    await pubsub.publish(topic, message);
  } catch (error) {
    logger.warn({ error, topic }, 'a signal was not published; other processes find the change when they check');
  }
}
