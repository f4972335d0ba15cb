import { RedisPubSub } from 'graphql-redis-subscriptions';
import type { Redis } from 'ioredis';
import { connectRedis, type RedisOptions } from '../redis-connection.ts';
import type { Unsubscribe } from './pubsub.ts';

/** The publisher and the subscriber of one Redis server. */
export interface RedisLink {
  /** Rejects at once while the publisher is away, and within `timeoutMs` otherwise. */
  publish(channel: string, message: unknown): Promise<void>;
  /** Resolves when Redis has confirmed it, or, while Redis is away, when it is among what the return will confirm. */
  subscribe(channel: string, listener: (message: Buffer) => void): Promise<Unsubscribe>;
  /** Whether all that is subscribed here is subscribed there, and publishing is possible. */
  isLive(): boolean;
  ready(): Promise<void>;
  stop(): void;
}

/** How many channels one command subscribes to. */
const chunk = 1_000;

/**
 * @param options.onLost called when a connection was lost
 * @param options.onLive called when the publisher is connected or everything is subscribed, each time
 */
export function createRedisLink(options: RedisOptions & { onLost(): void; onLive(): void }): RedisLink {
  const { onLost, onLive } = options;
  const publisher = connectRedis(options);
  const subscriber = connectRedis(options);
  const channels = new Set<string>();
  /** Raised whenever what was subscribed is so no more. */
  let epoch = 0;
  let isSubscribed = false;

  const engine = new RedisPubSub({
    publisher: publisher.client,
    subscriber: createFacade() as Redis,
    // As bytes, so that each listener reads a copy of its own.
    messageEventName: 'messageBuffer',
  });

  /** All that the engine asks of its subscriber. */
  function createFacade(): unknown {
    return {
      on: subscriber.client.on.bind(subscriber.client),
      subscribe: (channel: string, confirmed: () => void) => void confirm(channel).then(confirmed),
      unsubscribe,
      punsubscribe: () => {},
    };
  }

  /** Never fails: what Redis does not confirm now it is asked for again when it is back. */
  async function confirm(channel: string): Promise<void> {
    channels.add(channel);
    await subscriber.tried;
    if (subscriber.isReady()) await subscriber.client.subscribe(channel).catch(subscriber.renew);
  }

  function unsubscribe(channel: string): void {
    channels.delete(channel);
    // A connection that is lost has no subscriptions; one that does not answer is found by its pings.
    if (subscriber.isReady()) subscriber.client.unsubscribe(channel).catch(() => {});
  }

  async function subscribeAll(): Promise<void> {
    const own = ++epoch;
    const all = [...channels];
    const starts = Array.from({ length: Math.ceil(all.length / chunk) }, (_, n) => n * chunk);
    try {
      await Promise.all(starts.map((start) => subscriber.client.subscribe(...all.slice(start, start + chunk))));
    } catch (error) {
      return subscriber.renew(error);
    }
    if (own !== epoch) return;
    isSubscribed = true;
    onLive();
  }

  function lose(): void {
    epoch++;
    isSubscribed = false;
    onLost();
  }

  const isLive = () => isSubscribed && subscriber.isReady() && publisher.isReady();
  subscriber.client.on('ready', () => void subscribeAll());
  subscriber.client.on('close', lose);
  publisher.client.on('ready', onLive);
  publisher.client.on('close', onLost);

  return {
    async publish(channel, message) {
      await publisher.tried;
      if (!publisher.isReady()) throw new Error('Redis is away: the message was not published');
      await engine.publish(channel, message);
    },
    async subscribe(channel, listener) {
      const id = await engine.subscribe<Buffer>(channel, listener);
      let ended = false;
      return async () => {
        if (ended) return;
        ended = true;
        // The engine fails over a listener that ends another's subscription while it hands a message out.
        await Promise.resolve();
        engine.unsubscribe(id);
      };
    },
    isLive,
    async ready() {
      await Promise.all([publisher.tried, subscriber.tried]);
      await Promise.all([publisher.client.ping(), subscriber.client.ping()]);
      if (!isLive()) throw new Error('Redis is back, but not everything is subscribed again yet');
    },
    stop() {
      publisher.stop();
      subscriber.stop();
    },
  };
}
