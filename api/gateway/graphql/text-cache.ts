import { LRUCache } from 'lru-cache';

/** Creates an LRU cache bounded by the total length of its keys and texts, in UTF-16 code units. */
export function createTextCache<Value extends object | string>(maxSize: number) {
  const sizeCalculation = (value: Value, key: string) => key.length + (typeof value === 'string' ? value.length : 0);
  const cache = new LRUCache<string, Value>({ maxSize, sizeCalculation });
  return {
    get: (key: string) => cache.get(key),
    set: (key: string, value: Value) => void cache.set(key, value),
  };
}
