import type { Signals, Topic } from './events.ts';
import type { PubSub } from './infra/pubsub/pubsub.ts';
import type { Logger } from './logger.ts';
import { joinRepeated, type RepeatedSignal, toRepeated } from './repeated-signals.ts';

/** Something that waits until a signal is published. */
export interface Hold {
  /** Called once for each signal that was published with this hold, when it is published or given up. */
  release(): void;
  /** Called if the signal was given up. */
  giveUp?(): void;
}

/** A failed signal that waits for its repetition, with the holds of all signals that it joins. */
interface Waiting {
  signal: RepeatedSignal;
  holds: Set<Hold>;
}

/**
 * Maximum number of failed signals that wait. Further ones are given up: subscribers find the changes when they verify. Takeovers
 * are never given up; each partition has one.
 */
const defaultMaxWaiting = 10_000;
/** Milliseconds until failed signals are repeated. */
const defaultRetryMs = 500;
/** Number of failed signals that are repeated at the same time. */
const repeatedAtOnce = 100;

/**
 * Publishes signals without waiting for them. One that fails is counted and repeated until it succeeds, joined with other failed
 * ones of the same kind and topic.
 * @param options.onFailed called for each signal whose first attempt failed, for metrics
 */
export function createSignalPublisher(options: {
  pubsub: Pick<PubSub, 'publish'>;
  onFailed(): void;
  maxWaiting?: number;
  retryMs?: number;
  logger: Logger;
}) {
  const { pubsub, onFailed, maxWaiting = defaultMaxWaiting, retryMs = defaultRetryMs, logger } = options;
  const pending = new Set<Promise<void>>();
  const waiting = new Map<string, Waiting>();
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  return {
    /** Publishes a signal, in the order of the calls. @param hold is released when the signal is published */
    publish<T extends Topic>(topic: T, message: Signals[T], hold?: Hold): void {
      track(attempt(topic, message, hold));
    },
    /** Number of failed signals that wait for their repetition, for metrics. */
    waiting: () => waiting.size,
    /** Resolves when no signal is under way; failed ones are repeated once more, and given up. */
    async stop(): Promise<void> {
      isStopped = true;
      clearTimeout(timer);
      await Promise.all(pending);
      await Promise.all([...waiting.values()].map(({ signal }) => trySend(signal)));
      waiting.clear();
    },
  };

  function track(sending: Promise<void>): void {
    pending.add(sending);
    void sending.finally(() => pending.delete(sending));
  }

  async function attempt<T extends Topic>(topic: T, message: Signals[T], hold: Hold | undefined): Promise<void> {
    try {
      await pubsub.publish(topic, message);
      hold?.release();
    } catch (error) {
      onFailed();
      logger[waiting.size === 0 ? 'warn' : 'debug']({ error, topic }, 'a signal was not published; it is repeated');
      repeatLater(toRepeated(topic, message), hold);
    }
  }

  function repeatLater(signal: RepeatedSignal | null, hold: Hold | undefined): void {
    if (signal === null) {
      hold?.release();
      return;
    }
    const before = waiting.get(signal.key);
    if (before === undefined && waiting.size >= maxWaiting && signal.topic !== 'takeovers') {
      hold?.release();
      hold?.giveUp?.();
      return;
    }
    const holds = before?.holds ?? new Set();
    waiting.set(signal.key, { signal: before ? joinRepeated(before.signal, signal) : signal, holds });
    // One hold stays until the joined signal is published.
    if (hold && holds.has(hold)) hold.release();
    else if (hold) holds.add(hold);
    schedule();
  }

  function schedule(): void {
    if (isStopped || timer !== undefined) return;
    timer = setTimeout(() => track(repeat()), retryMs);
  }

  /** Repeats failed signals, portion after portion, until one fails again. */
  async function repeat(): Promise<void> {
    for (;;) {
      const portion = [...waiting.values()].slice(0, repeatedAtOnce);
      const results = await Promise.all(portion.map(repeatOne));
      if (isStopped || waiting.size === 0 || results.includes(false)) break;
    }
    timer = undefined;
    if (waiting.size > 0) schedule();
  }

  async function repeatOne(one: Waiting): Promise<boolean> {
    if (!(await trySend(one.signal))) return false;
    // If another one was joined meanwhile, it is sent with the next portion.
    if (waiting.get(one.signal.key)?.signal !== one.signal) return true;
    waiting.delete(one.signal.key);
    for (const hold of one.holds) hold.release();
    return true;
  }

  async function trySend({ topic, message }: RepeatedSignal): Promise<boolean> {
    return pubsub.publish(topic, message).then(
      () => true,
      () => false,
    );
  }
}
