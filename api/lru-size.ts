/**
 * Returns options of an LRU cache with a maximum number of entries, which allocates memory as it grows. The option `max` of
 * lru-cache allocates memory for all entries at once.
 */
export function maxEntries(count: number) {
  return { maxSize: count, sizeCalculation: () => 1 };
}
