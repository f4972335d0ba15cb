import type { Signals, Topic } from '../../events.ts';

/** Ends a subscription. Resolves when the listener is not called any more. */
export type Unsubscribe = () => Promise<void>;

/** The subscriber did not read fast enough: what came beyond its bound was not kept, and it must look up what it missed. */
export class SubscriberOverflowError extends Error {
  override readonly name = 'SubscriberOverflowError';
}

/**
 * Signals between processes, at most once.
 *
 * - Who is subscribed gets what is published afterwards, in each publisher's order.
 * - Delivery is best effort: messages may be lost, and whoever relies on one looks it up as well.
 * - A listener that throws harms no other.
 * - Messages are JSON on the way: what a listener gets is its own copy.
 */
export interface PubSub {
  /** Resolves when the message was handed over; rejects when it could not be, within a bounded time. */
  publish<T extends Topic>(topic: T, message: Signals[T]): Promise<void>;
  /**
   * Resolves only once live: every message published after that reaches `listener` unless the connection is lost. While it
   * is lost (`connected` is false) this resolves as well, and the topic is subscribed with all others when it is back.
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
  /** False while messages may be getting lost. */
  connected(): boolean;
  /** Calls `listener` each time everything is subscribed again after a loss: what was missed is to be looked up. */
  onReconnected(listener: () => void): () => void;
  /** Rejects when the service cannot be reached. */
  ready(): Promise<void>;
  /** Ends every subscription. */
  stop(): Promise<void>;
}
