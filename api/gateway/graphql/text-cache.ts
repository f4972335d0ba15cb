import { LRUCache } from 'lru-cache';

/** Creates an LRU cache of values made from texts, bounded by the total length of the texts, in UTF-16 code units. */
export function createTextCache<Value extends object>(maxSize: number) {
  const cache = new LRUCache<string, Value>({ maxSize, sizeCalculation: (_value, text) => text.length });
  return {
    get: (text: string) => cache.get(text),
    set: (text: string, value: Value) => void cache.set(text, value),
  };
}
