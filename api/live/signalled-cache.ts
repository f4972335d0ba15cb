import { LRUCache } from 'lru-cache';
import { batched } from '../batched.ts';
import type { Signals, Topic } from '../events.ts';
import { maxEntries } from '../lru-size.ts';
import { createSignalWatch, type SignalWatchOptions } from './signal-watch.ts';

/** How a cache reads, and which signals remove its values. */
export interface SignalledCacheOptions<T extends Topic, Value>
  extends Omit<SignalWatchOptions<T>, 'onSignal' | 'onReconnected'> {
  /** Returns the keys of the values that a signal makes outdated. */
  keysOf(message: Signals[T]): readonly string[];
  /** Called with each of these keys, after its value was removed. */
  onSignal?(key: string): void;
  /** Reads the values of at most 1,000 keys, in their order; null where there is none, which is not cached. */
  read(keys: readonly string[]): Promise<readonly (Value | null)[]>;
  /** Maximum number of cached values; the least recently used is removed first. */
  maxSize: number;
  /** Milliseconds after which a value is read again, even without a signal. */
  ttlMs: number;
}

/**
 * Caches values of the database until a signal says that they changed. Concurrent reads share one query. A value that was
 * invalidated while it was read is returned, but not cached. Every value is removed when pubsub reconnects, because signals
 * may have been missed.
 */
export function createSignalledCache<T extends Topic, Value extends object>(options: SignalledCacheOptions<T, Value>) {
  const { keysOf, onSignal, read, maxSize, ttlMs, ...watchOptions } = options;
  const cache = new LRUCache<string, Value>({ ...maxEntries(maxSize), ttl: ttlMs });
  /** For each query under way, the keys whose values may be cached when it returns. */
  const cacheable = new Set<Set<string>>();
  const readBatched = batched(readAndCache);
  const watch = createSignalWatch({ ...watchOptions, onSignal: removeSignalled, onReconnected: clear });

  return {
    /** Returns the cached value, or reads it. */
    get: (key: string): Value | Promise<Value | null> => cache.get(key) ?? readBatched(key),
    /** Returns the cached value; null if it must be read. */
    peek: (key: string): Value | null => cache.get(key) ?? null,
    /** Reads the value by a query that starts after this call, and caches it. */
    read: readBatched,
    /** Removes a value. A query under way does not bring it back. */
    invalidate,
    /** Resolves once signals arrive. */
    start: watch.start,
    stop: watch.stop,
  };

  async function readAndCache(keys: readonly string[]): Promise<(Value | null)[]> {
    const own = new Set(keys);
    cacheable.add(own);
    try {
      const values = await read(keys);
      return keys.map((key, index) => {
        const value = values[index] ?? null;
        if (value !== null && own.has(key)) cache.set(key, value);
        return value;
      });
    } finally {
      cacheable.delete(own);
    }
  }

  function removeSignalled(message: Signals[T]): void {
    for (const key of keysOf(message)) {
      invalidate(key);
      onSignal?.(key);
    }
  }

  function invalidate(key: string): void {
    cache.delete(key);
    for (const keys of cacheable) keys.delete(key);
  }

  function clear(): void {
    cache.clear();
    for (const keys of cacheable) keys.clear();
  }
}
