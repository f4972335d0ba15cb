import type { BacklogBudget } from './backlog-budget.ts';
import { createCatchUp } from './catch-up.ts';
import type { RunInRound } from './execution-rounds.ts';
import { createLiveDelivery } from './live-delivery.ts';
import type { LiveSource, Positioned, Reader } from './live-source.ts';
import {
  type AudienceMetrics,
  createPageLoader,
  type MakePayloads,
  type PayloadCache,
  type RetryBounds,
} from './page-loader.ts';
import type { Serialize } from './serializer.ts';
import type { Sink, Subscriber } from './subscriber.ts';

/** See `createAudience`. */
interface AudienceOptions<Item extends Positioned> {
  source: LiveSource<Item>;
  make: MakePayloads<Item>;
  run: RunInRound;
  cache: PayloadCache;
  backlog: BacklogBudget;
  serialize: Serialize;
  metrics: AudienceMetrics;
  retries?: RetryBounds;
  onEmpty(): void;
}

/**
 * The subscribers that follow one source with the same selection. Each of them catches up first, and is then live:
 * items are executed and framed once for all live subscribers. A subscriber gets each position at most once, in order,
 * and misses none that its reader does not skip.
 * @param options.onEmpty called when the last subscriber has left; nobody can join after that
 */
export function createAudience<Item extends Positioned>(options: AudienceOptions<Item>) {
  const { source, metrics, onEmpty } = options;
  let size = 0;
  const loader = createPageLoader({ ...options, isEmpty: () => size === 0 });
  const catchUp = createCatchUp({ ...options, loader, onCaughtUp: goLive, onError: fail });
  const live = createLiveDelivery({ source, loader, metrics, onBehind: (one) => void catchUp(one), onError: fail });
  const unlisten = source.listen(() => void live.advance());

  return {
    /** Number of subscribers. */
    size: () => size,
    /**
     * Adds a subscriber, which gets every item after its reader's position.
     * @param onEnd called once, with the error if the subscription fails
     * @returns a function that ends the subscription
     */
    join(reader: Reader<Item>, sink: Sink, onEnd: (error?: Error) => void): () => void {
      const subscriber: Subscriber<Item> = { ...sink, reader, position: reader.position, onEnd };
      size++;
      void catchUp(subscriber);
      return () => leave(subscriber);
    },
  };

  function goLive(subscriber: Subscriber<Item>): void {
    if (subscriber.onEnd) live.add(subscriber);
  }

  function fail(subscriber: Subscriber<Item>, error: unknown): void {
    leave(subscriber, error instanceof Error ? error : new Error(String(error)));
  }

  function leave(subscriber: Subscriber<Item>, error?: Error): void {
    const { onEnd } = subscriber;
    if (onEnd === null) return;
    subscriber.onEnd = null;
    live.remove(subscriber);
    size--;
    if (size === 0) {
      unlisten();
      onEmpty();
    }
    onEnd(error);
  }
}

/** See `createAudience`. */
export type Audience<Item extends Positioned> = ReturnType<typeof createAudience<Item>>;
