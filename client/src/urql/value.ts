/** A value that can be read at any time and watched: the shape of React's `useSyncExternalStore`, without React. */
export interface Readable<T> {
  get(): T;
  /** Calls `listener` after every change, until the returned function is called. */
  subscribe(listener: () => void): () => void;
}

/** A `Readable` with its setter, kept by whoever owns the value. */
export interface Writable<T> extends Readable<T> {
  /** Does nothing when `next` is the present value (`Object.is`). */
  set(next: T): void;
}

/** A value to watch, starting as `initial`. */
export function createValue<T>(initial: T): Writable<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      const entry = () => listener();
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
  };
}
