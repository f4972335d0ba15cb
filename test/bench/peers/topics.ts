/** Rooms whose subscribers are async iterators with their own queues, as these servers are commonly used. */
export function createTopics<Item>() {
  const topics = new Map<string, Set<(item: Item) => void>>();
  return {
    publish(topic: string, item: Item): void {
      for (const listener of topics.get(topic) ?? []) listener(item);
    },
    follow(topic: string): AsyncIterableIterator<Item> {
      const queue: Item[] = [];
      let wake: ((result: IteratorResult<Item>) => void) | undefined;
      const listeners = topics.get(topic) ?? new Set();
      topics.set(topic, listeners);
      const listener = (item: Item) => {
        if (wake) wake({ done: false, value: item });
        else queue.push(item);
        wake = undefined;
      };
      listeners.add(listener);
      return {
        next() {
          const item = queue.shift();
          if (item !== undefined) return Promise.resolve({ done: false, value: item });
          return new Promise((resolve) => {
            wake = resolve;
          });
        },
        async return() {
          listeners.delete(listener);
          wake?.({ done: true, value: undefined });
          return { done: true, value: undefined };
        },
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    },
  };
}
