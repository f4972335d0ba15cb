import type { DataStore } from './platform.ts';

/** Creates a store that ends with the process. */
export function createMemoryStore(): DataStore {
  const values = new Map<string, unknown>();
  return {
    get: async (key) => values.get(key),
    set: async (key, value) => void values.set(key, value),
    delete: async (key) => void values.delete(key),
    list: async (prefix) => sortedEntries([...values], prefix).map(([, value]) => value),
    clear: async () => values.clear(),
  };
}

/** Returns the entries whose keys start with `prefix`, ordered by key. */
function sortedEntries<T>(entries: readonly [string, T][], prefix: string): [string, T][] {
  return entries.filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
}
