import { LRUCache } from 'lru-cache';

/** Bounded by the letters of its keys and texts: what is kept of an operation grows with them. */
export function createTextCache<Value extends object | string>(maxSize: number) {
  const sizeCalculation = (value: Value, key: string) => key.length + (typeof value === 'string' ? value.length : 0);
  const cache = new LRUCache<string, Value>({ maxSize, sizeCalculation });
  return {
    get: (key: string) => cache.get(key),
    set: (key: string, value: Value) => void cache.set(key, value),
  };
}
