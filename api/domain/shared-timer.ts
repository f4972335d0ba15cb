/** Calls its listeners again and again, all of them by one timer. */
export interface SharedTimer {
  /** Adds a listener. Returns a function that removes it. */
  add(listener: () => void): () => void;
}

/** Maximum number of listeners that are called at the same time. */
const maxAtOnce = 1_000;

/**
 * Creates a timer for all followers of a node. Listeners that are called together can share one statement, where a timer of
 * each would cost a statement each. More than `atOnce` listeners are called in portions, spread over the interval.
 * @param intervalMs milliseconds between two calls of one listener
 */
export function createSharedTimer(intervalMs: number, atOnce = maxAtOnce): SharedTimer {
  const listeners = new Set<() => void>();
  /** Listeners that have yet to be called in this interval. */
  let due = new Set<() => void>();
  let timer: NodeJS.Timeout | undefined;

  return {
    add(listener) {
      listeners.add(listener);
      if (listeners.size === 1) schedule();
      return () => {
        listeners.delete(listener);
        due.delete(listener);
        if (listeners.size === 0) clearTimeout(timer);
      };
    },
  };

  function schedule(): void {
    clearTimeout(timer);
    timer = setTimeout(callNext, intervalMs / Math.max(1, Math.ceil(listeners.size / atOnce)));
  }

  function callNext(): void {
    if (due.size === 0) due = new Set(listeners);
    let left = atOnce;
    for (const listener of due) {
      if (left-- === 0) break;
      due.delete(listener);
      listener();
    }
    if (listeners.size > 0) schedule();
  }
}
