import type { Signals, Topic } from '../events.ts';
import { createInvalidatedCache, type InvalidatedCacheOptions } from './invalidated-cache.ts';
import { createSignalWatch, type SignalWatchOptions } from './signal-watch.ts';

/** How a cache reads, and which signals remove its values. */
export interface SignalledCacheOptions<T extends Topic, Value>
  extends Omit<SignalWatchOptions<T>, 'onSignal' | 'onReconnected'>,
    InvalidatedCacheOptions<Value> {
  /** Returns the keys of the values that a signal makes outdated. */
  keysOf(message: Signals[T]): readonly string[];
  /** Called with each of these keys, after its value was removed. */
  onSignal?(key: string): void;
}

/**
 * Caches values of the database until a signal says that they changed. Every value is removed when pubsub reconnects, because
 * signals may have been missed.
 */
export function createSignalledCache<T extends Topic, Value extends object>(options: SignalledCacheOptions<T, Value>) {
  const { keysOf, onSignal, ...rest } = options;
  const { clear, ...cache } = createInvalidatedCache<Value>(rest);
  const watch = createSignalWatch({ ...rest, onSignal: removeSignalled, onReconnected: clear });

  return {
    ...cache,
    /** Resolves once signals arrive. */
    start: watch.start,
    stop: watch.stop,
  };

  function removeSignalled(message: Signals[T]): void {
    for (const key of keysOf(message)) {
      cache.invalidate(key);
      onSignal?.(key);
    }
  }
}
