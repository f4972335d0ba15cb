/** A value that can be read and watched: the shape that React's `useSyncExternalStore` expects, without React. */
export interface Readable<T> {
  get(): T;
  /** Calls `listener` after every change, until the returned function is called. */
  subscribe(listener: () => void): () => void;
}

/** A `Readable` with a setter, for the owner of the value. */
export interface Writable<T> extends Readable<T> {
  /** Sets the value. Does nothing if `next` is the present value (`Object.is`). */
  set(next: T): void;
}

/** Creates a value that can be watched. */
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
