import { RedisPubSub } from 'graphql-redis-subscriptions';
import type { Redis } from 'ioredis';
import { connectRedis, type RedisOptions } from '../redis-connection.ts';
import type { Unsubscribe } from './pubsub.ts';

/** The publisher and the subscriber of one Redis server. */
export interface RedisLink {
  /** Rejects at once while the publisher is away, and within `timeoutMs` otherwise. */
  publish(channel: string, message: unknown): Promise<void>;
  /** Resolves when Redis has confirmed the subscription, or, while Redis is away, when it is queued for the reconnect. */
  subscribe(channel: string, listener: (message: Buffer) => void): Promise<Unsubscribe>;
  /** Whether Redis has confirmed every subscription, and publishing is possible. */
  isLive(): boolean;
  ready(): Promise<void>;
  stop(): void;
}

/** Number of channels per SUBSCRIBE command. */
const chunk = 1_000;

/**
 * Opens the two connections to a Redis server. One that subscribes cannot publish (RESP2).
 * @param options.onLost called when a connection was lost
 * @param options.onLive called when the publisher is connected or everything is subscribed, each time
 */
export function createRedisLink(options: RedisOptions & { onLost(): void; onLive(): void }): RedisLink {
  const { onLost, onLive } = options;
  const publisher = connectRedis(options);
  const subscriber = connectRedis(options);
  const channels = new Set<string>();
  /** Incremented whenever Redis has lost the subscriptions. */
  let epoch = 0;
  let isSubscribed = false;

  const engine = new RedisPubSub({
    publisher: publisher.client,
    subscriber: createFacade() as Redis,
    // As bytes, so that each listener reads a copy of its own.
    messageEventName: 'messageBuffer',
  });

  /** The part of a subscriber that graphql-redis-subscriptions uses. */
  function createFacade(): unknown {
    return {
      on: subscriber.client.on.bind(subscriber.client),
      subscribe: (channel: string, confirmed: () => void) => void confirm(channel).then(confirmed),
      unsubscribe,
      punsubscribe: () => {},
    };
  }

  /** Never rejects: channels that Redis does not confirm now are subscribed again after the reconnect. */
  async function confirm(channel: string): Promise<void> {
    channels.add(channel);
    await subscriber.firstAttempt;
    if (subscriber.isReady()) await subscriber.client.subscribe(channel).catch(subscriber.renew);
  }

  function unsubscribe(channel: string): void {
    channels.delete(channel);
    // A lost connection has no subscriptions, and pings find one that does not respond.
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
      await publisher.firstAttempt;
      if (!publisher.isReady()) throw new Error('Redis is away: the message was not published');
      await engine.publish(channel, message);
    },
    async subscribe(channel, listener) {
      const id = await engine.subscribe<Buffer>(channel, listener);
      let ended = false;
      return async () => {
        if (ended) return;
        ended = true;
        // The engine throws if a listener ends another subscription while it dispatches a message.
        await Promise.resolve();
        engine.unsubscribe(id);
      };
    },
    isLive,
    async ready() {
      await Promise.all([publisher.firstAttempt, subscriber.firstAttempt]);
      await Promise.all([publisher.client.ping(), subscriber.client.ping()]);
      if (!isLive()) throw new Error('Redis is back, but not everything is subscribed again yet');
    },
    stop() {
      publisher.stop();
      subscriber.stop();
    },
  };
}
