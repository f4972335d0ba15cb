import { createMemoryStore } from './memory-store.ts';
import type { DataStore, Locks, Platform, PostForm, TabSignal } from './platform.ts';

/**
 * Creates a platform that keeps everything in memory, for Node and for tests. Several instances over one platform are
 * like tabs of one browser: they share the session, the data and the locks.
 * @param webSocketImpl the `WebSocket` constructor, where there is no global one (Node before 22)
 */
export function createMemoryPlatform(webSocketImpl?: unknown): Platform {
  const session = new Map<string, string>();
  const stores = new Map<string, DataStore>();
  const listeners = new Map<string, Set<() => void>>();

  return {
    sessionStorage: {
      getItem: (key) => session.get(key) ?? null,
      setItem: (key, value) => void session.set(key, value),
      removeItem: (key) => void session.delete(key),
    },
    openStore: (name) => getOrCreate(stores, name, createMemoryStore),
    openSignal: (name) => createMemorySignal(getOrCreate(listeners, name, () => new Set<() => void>())),
    locks: createMemoryLocks(),
    postForm,
    webSocketImpl,
  };
}

/** Creates locks within this process. */
export function createMemoryLocks(): Locks {
  const last = new Map<string, Promise<unknown>>();
  return {
    request(name, work) {
      const result = (last.get(name) ?? Promise.resolve()).then(work);
      const settled = result.catch(() => undefined);
      last.set(name, settled);
      void settled.then(() => last.get(name) === settled && last.delete(name));
      return result;
    },
  };
}

function createMemorySignal(all: Set<() => void>): TabSignal {
  const own = new Set<() => void>();
  return {
    notify() {
      for (const listener of [...all]) if (!own.has(listener)) queueMicrotask(listener);
    },
    subscribe(listener) {
      const entry = () => listener();
      all.add(entry);
      own.add(entry);
      return () => remove(entry);
    },
    close() {
      for (const entry of own) remove(entry);
    },
  };

  function remove(entry: () => void): void {
    all.delete(entry);
    own.delete(entry);
  }
}

/** `fetch` tells nothing of the progress: only the end is reported. */
const postForm: PostForm = async (url, { headers, form, onProgress, signal }) => {
  const response = await fetch(url, { method: 'POST', headers, body: form, signal: signal ?? null });
  const text = await response.text();
  onProgress?.(1);
  return text;
};

function getOrCreate<T>(map: Map<string, T>, key: string, create: () => T): T {
  const value = map.get(key) ?? create();
  map.set(key, value);
  return value;
}
