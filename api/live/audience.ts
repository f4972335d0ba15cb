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
import type { CreateFrameEncoder } from './result-frames.ts';
import type { Serialize } from './serializer.ts';
import type { Sink, Subscriber } from './subscriber.ts';
import type { LookUpValues } from './viewer-marks.ts';

/** See `createAudience`. */
interface AudienceOptions<Item extends Positioned> {
  source: LiveSource<Item>;
  make: MakePayloads<Item>;
  run: RunInRound;
  lookUp?: LookUpValues | undefined;
  cache: PayloadCache;
  backlog: BacklogBudget;
  createEncoder: CreateFrameEncoder;
  serialize: Serialize;
  metrics: AudienceMetrics;
  retries?: RetryBounds;
  onEmpty(): void;
}

/**
 * The subscribers that follow one source with the same selection. Each of them catches up first, and is then live:
 * items are executed and framed once for all live subscribers. A subscriber gets each position at most once, in order,
 * and misses none that its reader does not skip.
 * @param options.createEncoder creates the encoder of frames: whether they have cursors is the same for all subscribers
 * @param options.onEmpty called when the last subscriber has left; nobody can join after that
 */
export function createAudience<Item extends Positioned>(options: AudienceOptions<Item>) {
  const { source, onEmpty } = options;
  let size = 0;
  const loader = createPageLoader({ ...options, isEmpty: () => size === 0 });
  const catchUp = createCatchUp({ ...options, loader, onCaughtUp: goLive, onError: fail });
  const live = createLiveDelivery({ ...options, loader, onBehind: fallBehind, onError: fail });
  const unlisten = source.listen(() => void live.advance());

  return {
    /** Number of subscribers. */
    size: () => size,
    /** Returns the position up to which every live subscriber has everything; infinite without one. */
    position: live.position,
    /**
     * Adds a subscriber, which gets every item after its reader's position. It is live at once if there is none.
     * @param onEnd called once, with the error if the subscription fails
     * @returns `leave`, which ends the subscription, and `isBehind`, which tells whether it has less than the live ones
     */
    join(reader: Reader<Item>, sink: Sink, onEnd: (error?: Error) => void) {
      const subscriber: Subscriber<Item> = { ...sink, reader, position: reader.position, isBehind: false, onEnd };
      size++;
      begin(subscriber);
      return { leave: () => leave(subscriber), isBehind: () => subscriber.isBehind };
    },
  };

  function begin(subscriber: Subscriber<Item>): void {
    try {
      // Throws if the source has ended.
      source.since(subscriber.position, 0);
      if (source.last() <= subscriber.position) live.add(subscriber);
      else fallBehind(subscriber);
    } catch (error) {
      fail(subscriber, error);
    }
  }

  function fallBehind(subscriber: Subscriber<Item>): void {
    subscriber.isBehind = true;
    subscriber.cursor?.freeze();
    void catchUp(subscriber);
  }

  function goLive(subscriber: Subscriber<Item>): void {
    if (subscriber.onEnd === null) return;
    thaw(subscriber);
    live.add(subscriber);
  }

  function thaw(subscriber: Subscriber<Item>): void {
    if (!subscriber.isBehind) return;
    subscriber.isBehind = false;
    subscriber.cursor?.thaw();
  }

  function fail(subscriber: Subscriber<Item>, error: unknown): void {
    leave(subscriber, error instanceof Error ? error : new Error(String(error)));
  }

  function leave(subscriber: Subscriber<Item>, error?: Error): void {
    const { onEnd } = subscriber;
    if (onEnd === null) return;
    subscriber.onEnd = null;
    live.remove(subscriber);
    thaw(subscriber);
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
