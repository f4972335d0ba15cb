/**
 * Data that this browser stores for one user: drafts, unsent messages, preferences. Values are JSON. If the storage is
 * full or not allowed, writes are lost without an error.
 */
export interface LocalData {
  /** Returns null if there is no value. */
  read(key: string): unknown;
  /** Stores a value; `undefined` removes it. */
  write(key: string, value: unknown): void;
  /** Returns the stored keys that start with `prefix`. */
  keys(prefix: string): string[];
  /** Removes all data of this user. */
  clear(): void;
}

/** Creates the local data of one user, under keys with the user's id in `storage`. */
export function createLocalData(storage: Storage, userId: string): LocalData {
  const namespace = `parley.user.${userId}.`;
  const keys = (prefix: string) =>
    Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '')
      .filter((key) => key.startsWith(namespace + prefix))
      .map((key) => key.slice(namespace.length));

  return {
    keys,
    read: (key) => attempt(() => JSON.parse(storage.getItem(namespace + key) ?? 'null')) ?? null,
    write: (key, value) =>
      attempt(() =>
        value === undefined
          ? storage.removeItem(namespace + key)
          : storage.setItem(namespace + key, JSON.stringify(value)),
      ),
    clear: () => {
      for (const key of keys('')) storage.removeItem(namespace + key);
    },
  };
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
