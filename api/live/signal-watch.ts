import type { Signals, Topic } from '../events.ts';
import type { PubSub, Unsubscribe } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import { type Checks, createCheckLoop } from './check-loop.ts';

/** A topic and its handlers. */
export interface SignalWatchOptions<T extends Topic> {
  pubsub: Pick<PubSub, 'subscribe' | 'connected' | 'onReconnected'>;
  topic: T;
  /** Called with each message of the topic. */
  onSignal(message: Signals[T]): void;
  /** Called as soon as pubsub is connected again, before any check. */
  onReconnected?(): void;
  /** Finds the changes that no signal announced. Without it, only a reconnect makes up for lost signals. */
  checks?: Checks;
  logger: Logger;
}

/**
 * Follows a topic of pubsub. Signals are fast but may be lost; checks against the database, periodic and after every
 * reconnect, find the changes that they did not announce.
 */
export function createSignalWatch<T extends Topic>(options: SignalWatchOptions<T>) {
  const { pubsub, topic, onSignal, onReconnected, checks, logger } = options;
  const loop = checks && createCheckLoop({ ...checks, pubsub, logger });
  let subscription: Promise<Unsubscribe | undefined> | undefined;
  let removeListener: (() => void) | undefined;
  let isStopped = false;

  return {
    /** Checks now, as after a reconnect. Never rejects. */
    check: async (): Promise<void> => loop?.check(),

    /**
     * Resolves once signals arrive and checks run.
     * @throws the error of pubsub if the topic cannot be subscribed; nothing runs then
     */
    async start(): Promise<void> {
      if (isStopped) return;
      const subscribing = pubsub.subscribe(topic, onSignal);
      subscription = subscribing.catch(() => undefined);
      await subscribing;
      if (isStopped) return;
      if (onReconnected) removeListener = pubsub.onReconnected(onReconnected);
      loop?.start();
    },

    /** Ends the checks, then the subscription, also while `start` is under way. Resolves when neither runs. */
    async stop(): Promise<void> {
      isStopped = true;
      removeListener?.();
      await loop?.stop();
      const unsubscribe = await subscription;
      await unsubscribe?.();
    },
  };
}
