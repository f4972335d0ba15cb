import type { Signals, Topic } from '../../api/events.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';

/** The fate of one message. */
export type Fate = 'deliver' | 'lose' | 'double' | 'delay';

/**
 * Creates a pubsub over an unreliable network: the test decides the fate of each message. A delayed message is delivered
 * after the next one, or when the test flushes; `reconnect` calls the reconnect listeners.
 */
export function createLossyPubSub(fateOf: () => Fate): PubSub & { flush(): void; reconnect(): void } {
  const listeners = new Map<string, Set<(message: never) => void>>();
  const delayed: (() => void)[] = [];
  const hooks = new Set<() => void>();

  function deliver<T extends Topic>(topic: T, message: Signals[T]): void {
    for (const listener of listeners.get(topic) ?? []) listener(structuredClone(message) as never);
  }

  const subscribe: PubSub['subscribe'] = async (topic, listener) => {
    const present = listeners.get(topic) ?? new Set();
    listeners.set(topic, present.add(listener));
    return async () => void present.delete(listener);
  };

  function flush(): void {
    for (const late of delayed.splice(0)) late();
  }

  return {
    flush,
    async publish(topic, message) {
      const fate = fateOf();
      if (fate === 'delay') delayed.push(() => deliver(topic, message));
      else if (fate !== 'lose') deliver(topic, message);
      if (fate === 'double') deliver(topic, message);
      if (fate === 'deliver') flush();
    },
    subscribe,
    connected: () => true,
    onReconnected(hook) {
      hooks.add(hook);
      return () => hooks.delete(hook);
    },
    reconnect() {
      for (const hook of hooks) hook();
    },
    ready: async () => {},
    stop: async () => {},
  };
}

/** Creates one gateway's connection to the pubsub. Messages are lost together with the connection, as over Redis. */
export function createConnection() {
  let fate: Fate = 'deliver';
  const lossy = createLossyPubSub(() => fate);
  return {
    pubsub: { ...lossy, connected: () => fate !== 'lose' },
    setFate(next: Fate): void {
      const wasAway = fate === 'lose';
      fate = next;
      if (wasAway && next !== 'lose') lossy.reconnect();
    },
  };
}
