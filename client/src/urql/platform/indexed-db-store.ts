import { clear, createStore, del, get, getMany, keys, set, type UseStore } from 'idb-keyval';
import type { DataStore } from './platform.ts';

/**
 * Opens a store in IndexedDB. Values that cannot be written, because the disk is full or the browser does not allow it, are
 * kept in `fallback` instead, so that they last at least until the page is closed.
 */
export function createIndexedDbStore(name: string, fallback: DataStore): DataStore {
  let opened: UseStore | undefined;
  const store = () => {
    opened ??= createStore(name, 'values');
    return opened;
  };

  return {
    get: async (key) => (await fallback.get(key)) ?? (await orElse(undefined, () => get<unknown>(key, store()))),
    async set(key, value) {
      const isStored = await orElse(false, () => set(key, value, store()).then(() => true));
      await (isStored ? fallback.delete(key) : fallback.set(key, value));
    },
    async delete(key) {
      await fallback.delete(key);
      await orElse(undefined, () => del(key, store()));
    },
    list: async (prefix) => [
      ...(await orElse([], () => listStored(store(), prefix))),
      ...(await fallback.list(prefix)),
    ],
    async clear() {
      await fallback.clear();
      await orElse(undefined, () => clear(store()));
    },
  };
}

async function listStored(store: UseStore, prefix: string): Promise<unknown[]> {
  const found = (await keys<string>(store)).filter((key) => key.startsWith(prefix)).sort();
  const values = await getMany<unknown>(found, store);
  return values.filter((value) => value !== undefined);
}

async function orElse<T>(fallback: T, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch {
    return fallback;
  }
}
