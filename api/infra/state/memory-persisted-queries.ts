import { LRUCache } from 'lru-cache';
import type { PersistedQueries } from './state.ts';

/** Creates the persisted queries of this process. @param maxBytes maximum total size of their texts */
export function createMemoryPersistedQueries(maxBytes: number): PersistedQueries {
  const texts = new LRUCache<string, string>({
    maxSize: maxBytes,
    sizeCalculation: (text) => Math.max(1, Buffer.byteLength(text)),
  });
  return {
    find: async (hash) => texts.get(hash) ?? null,
    add: async (hash, text) => void texts.set(hash, text),
  };
}
