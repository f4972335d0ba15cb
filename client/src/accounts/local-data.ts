/**
 * What this browser keeps for one user: drafts, messages on their way, wishes. Values are JSON; a storage that is
 * full or forbidden makes it forgetful, never broken.
 */
export interface LocalData {
  read(key: string): unknown;
  /** `undefined` removes. */
  write(key: string, value: unknown): void;
  keys(prefix: string): string[];
  /** Forgets everything of this user. */
  clear(): void;
}

/** The part of `storage` that belongs to `userId`. */
export function createLocalData(storage: Storage, userId: string): LocalData {
  const own = `parley.user.${userId}.`;
  const keys = (prefix: string) =>
    Array.from({ length: storage.length }, (_, index) => storage.key(index) ?? '')
      .filter((key) => key.startsWith(own + prefix))
      .map((key) => key.slice(own.length));

  return {
    keys,
    read: (key) => attempt(() => JSON.parse(storage.getItem(own + key) ?? 'null')) ?? null,
    write: (key, value) =>
      attempt(() =>
        value === undefined ? storage.removeItem(own + key) : storage.setItem(own + key, JSON.stringify(value)),
      ),
    clear: () => {
      for (const key of keys('')) storage.removeItem(own + key);
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
