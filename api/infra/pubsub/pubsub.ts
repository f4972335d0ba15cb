import type { Signals, Topic } from '../../events.ts';

/** Ends a subscription. Resolves once its listener is no longer called. */
export type Unsubscribe = () => Promise<void>;

/**
 * Port for signals between processes, delivered at most once.
 *
 * - A subscriber receives the messages published after it subscribed, in the order of each publisher.
 * - Delivery is best effort: messages can be lost, so a listener must be able to read the same facts from the database.
 * - An error thrown by one listener does not affect the others.
 * - Messages are sent as JSON: each listener receives its own copy.
 */
export interface PubSub {
  /** Resolves once the message is handed over to the service; rejects, within a bounded time, if that fails. */
  publish<T extends Topic>(topic: T, message: Signals[T]): Promise<void>;
  /**
   * Resolves once the subscription is live: every message published later reaches `listener` unless the connection is lost.
   * It also resolves while the connection is lost (`connected` is false); all topics are then subscribed on reconnect.
   */
  subscribe<T extends Topic>(topic: T, listener: (message: Signals[T]) => void): Promise<Unsubscribe>;
  /** Returns false while messages may be getting lost. */
  connected(): boolean;
  /**
   * Calls `listener` each time all topics are subscribed again after a loss: messages may have been missed until then.
   * @returns a function that removes the listener
   */
  onReconnected(listener: () => void): () => void;
  /** Rejects if the service cannot be reached. */
  ready(): Promise<void>;
  /** Ends every subscription. */
  stop(): Promise<void>;
}
