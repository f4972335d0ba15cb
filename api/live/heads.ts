import type { Head } from '../events.ts';
import type { PubSub, Unsubscribe } from '../infra/pubsub/pubsub.ts';

/** When pubsub is back, the gateways look up what they missed one after another, within so many milliseconds. */
const reconnectJitterMs = 250;

/** Somebody here who follows channels by their heads. */
export interface HeadListener {
  /** Heads that were published. */
  heads(heads: readonly Head[]): void;
  /** Heads may have been missed: look them up. Called periodically, and at once when pubsub was away. */
  check(): Promise<void>;
}

/**
 * The heads that bridges publish, for all parts of this gateway, and the look-ups behind them.
 * @param options.checkMs how often listeners look up what they may have missed, in milliseconds
 * @param options.awayCheckMs the same while pubsub is away, and from when it is lost; an eighth more or less at random
 */
export function createHeads(options: { pubsub: PubSub; checkMs: number; awayCheckMs: number }) {
  const { pubsub, checkMs, awayCheckMs } = options;
  const listeners = new Set<HeadListener>();
  let unsubscribe: Unsubscribe | undefined;
  let removeListener: (() => void) | undefined;
  let waited = 0;
  let timer: NodeJS.Timeout | undefined;
  let reconnected: NodeJS.Timeout | undefined;
  let stopped = false;

  function checkAll(): Promise<unknown> {
    return Promise.all([...listeners].map((listener) => listener.check()));
  }

  /** Looks every `awayCheckMs` whether it is time, so that a loss is noticed by then. */
  function schedule(): void {
    if (stopped) return;
    const ms = awayCheckMs * (0.875 + Math.random() / 4);
    timer = setTimeout(() => {
      waited += ms;
      const isDue = !pubsub.connected() || waited >= checkMs;
      if (isDue) waited = 0;
      void Promise.resolve(isDue && checkAll()).finally(schedule);
    }, ms);
  }

  return {
    /** Until the answer is called. */
    listen(listener: HeadListener): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    /** Looks everything up now. */
    check: checkAll,
    async start(): Promise<void> {
      unsubscribe = await pubsub.subscribe('heads', (heads) => {
        for (const listener of listeners) listener.heads(heads);
      });
      removeListener = pubsub.onReconnected(() => {
        clearTimeout(reconnected);
        reconnected = setTimeout(checkAll, Math.random() * reconnectJitterMs);
      });
      schedule();
    },
    async stop(): Promise<void> {
      stopped = true;
      clearTimeout(timer);
      clearTimeout(reconnected);
      removeListener?.();
      await unsubscribe?.();
    },
  };
}

export type Heads = ReturnType<typeof createHeads>;
