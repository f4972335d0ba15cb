import type { Signals, Topic } from '../../events.ts';

/** Ends a subscription. Once it resolves, the listener is no longer called. */
export type Unsubscribe = () => Promise<void>;

/** The subscriber did not read fast enough: what came beyond its bound was not kept, and it must look up what it missed. */
export class SubscriberOverflowError extends Error {
  override readonly name = 'SubscriberOverflowError';
}

/**
 * Signals between processes, at most once.
 *
 * - A subscriber gets the messages published after it subscribed, in each publisher's order.
 * - Delivery is best effort: messages may be lost, so code that relies on one must also look up the change.
 * - A listener that throws does not affect the others.
 * - Messages are transferred as JSON: each listener gets its own copy.
 */
export interface PubSub {
  /** Resolves once the message is handed over; rejects within a bounded time if it cannot be. */
  publish<T extends Topic>(topic: T, message: Signals[T]): Promise<void>;
  /**
   * Resolves once the subscription is live: every message published later reaches `listener` unless the connection is lost.
   * While the connection is lost (`connected` is false) it resolves too, and the topic is subscribed when it is back.
   */
  subscribe<T extends Topic>(topic: T, listener: (message: Signals[T]) => void): Promise<Unsubscribe>;
  /**
   * The messages of a topic for one reader, live when this resolves. Ends when `signal` aborts; throws
   * `SubscriberOverflowError` once more than `limit` messages wait to be read.
   */
  stream<T extends Topic>(
    topic: T,
    options: { limit: number; signal: AbortSignal },
  ): Promise<AsyncIterable<Signals[T]>>;
  /** False while messages may get lost. */
  connected(): boolean;
  /**
   * Calls `listener` each time all topics are subscribed again after a loss: look up the changes missed meanwhile.
   * @returns removes the listener
   */
  onReconnected(listener: () => void): () => void;
  /** Rejects if the service cannot be reached. */
  ready(): Promise<void>;
  /** Ends every subscription. */
  stop(): Promise<void>;
}
