import { LRUCache } from 'lru-cache';
import { batched } from '../batched.ts';
import { maxEntries } from '../lru-size.ts';

/** How a cache reads its values. */
export interface InvalidatedCacheOptions<Value> {
  /** Reads the values of at most 1,000 keys, in their order; null where there is none, which is not cached. */
  read(keys: readonly string[]): Promise<readonly (Value | null)[]>;
  /** Maximum number of cached values; the least recently used is removed first. */
  maxSize: number;
  /** Milliseconds after which a value is read again, even if it was not invalidated. */
  ttlMs: number;
}

/**
 * Caches values of the database until they are invalidated. Concurrent reads share one query. A value that was invalidated while
 * it was read is returned, but not cached.
 */
export function createInvalidatedCache<Value extends object>(options: InvalidatedCacheOptions<Value>) {
  const { read, maxSize, ttlMs } = options;
  const cache = new LRUCache<string, Value>({ ...maxEntries(maxSize), ttl: ttlMs });
  /** For each query under way, the keys whose values may be cached when it returns. */
  const cacheable = new Set<Set<string>>();
  const readBatched = batched(readAndCache);

  return {
    /** Returns the cached value, or reads it. */
    get: (key: string): Value | Promise<Value | null> => cache.get(key) ?? readBatched(key),
    /** Returns the cached value; null if it must be read. */
    peek: (key: string): Value | null => cache.get(key) ?? null,
    /** Reads the value by a query that starts after this call, and caches it. */
    read: readBatched,
    /** Removes a value. A query under way does not bring it back. */
    invalidate(key: string): void {
      cache.delete(key);
      for (const keys of cacheable) keys.delete(key);
    },
    /** Removes every value. */
    clear(): void {
      cache.clear();
      for (const keys of cacheable) keys.clear();
    },
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
}
