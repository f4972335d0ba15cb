import type { Topic } from '../../events.ts';
import type { Logger } from '../../logger.ts';
import type { PubSub } from './pubsub.ts';

type Listener = (message: string) => void;

/**
 * Creates a pubsub within this process. Listeners run in a later turn of the event loop than `publish`, so that a publisher
 * is never re-entered.
 */
export function createMemoryPubSub({ logger }: { logger: Logger }): PubSub {
  const listeners = new Map<string, Set<Listener>>();
  const queue: { topic: string; message: string }[] = [];
  let scheduled = false;

  return {
    async publish(topic: Topic, message) {
      if (!listeners.has(topic)) return;
      queue.push({ topic, message: JSON.stringify(message) });
      if (!scheduled) setImmediate(deliver);
      scheduled = true;
    },
    async subscribe(topic, listener) {
      const own: Listener = (message) => listener(JSON.parse(message));
      const present = listeners.get(topic) ?? new Set();
      listeners.set(topic, present.add(own));
      return async () => {
        present.delete(own);
        if (present.size === 0 && listeners.get(topic) === present) listeners.delete(topic);
      };
    },
    connected: () => true,
    onReconnected: () => () => {},
    ready: async () => {},
    async stop() {
      listeners.clear();
      queue.length = 0;
    },
  };

  function deliver(): void {
    scheduled = false;
    for (const { topic, message } of queue.splice(0)) {
      for (const listener of [...(listeners.get(topic) ?? [])]) call(listener, topic, message);
    }
  }

  function call(listener: Listener, topic: string, message: string): void {
    try {
      listener(message);
    } catch (error) {
      logger.error({ error, topic }, 'a pubsub listener threw an error');
    }
  }
}
