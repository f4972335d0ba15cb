import { RedisPubSub } from 'graphql-redis-subscriptions';
import type { Redis } from 'ioredis';
import { batched } from '../../batched.ts';
import { ignore } from '../../ignore.ts';
import { connectRedis, type RedisOptions } from '../redis-connection.ts';

/** The publishing and the subscribing connection to one Redis server. */
export interface RedisLink {
  /** Rejects at once while the publisher is disconnected, and within `timeoutMs` otherwise. */
  publish(channel: string, message: unknown): Promise<void>;
  /**
   * Resolves once Redis has confirmed the subscription or, while Redis is away, once it is queued for the reconnect.
   * @returns the id of the subscription
   */
  subscribe(channel: string, listener: (message: Buffer) => void): Promise<number>;
  /** Ends a subscription, once. */
  unsubscribe(id: number): Promise<void>;
  /** Returns whether Redis has confirmed every subscription and the publisher is connected. */
  isLive(): boolean;
  ready(): Promise<void>;
  stop(): void;
}

/** Number of channels in one SUBSCRIBE command. */
const channelsPerCommand = 1_000;

/**
 * Connects a publisher and a subscriber to one Redis server.
 * @param options.onLost called when a connection is lost
 * @param options.onLive called each time the publisher has connected or all channels are subscribed
 */
export function createRedisLink(options: RedisOptions & { onLost(): void; onLive(): void }): RedisLink {
  const { onLost, onLive } = options;
  const publisher = connectRedis(options);
  const subscriber = connectRedis(options);
  const channels = new Set<string>();
  /** Incremented on every loss and every attempt to subscribe all channels, so that an outdated attempt is ignored. */
  let epoch = 0;
  let isSubscribed = false;

  const engine = new RedisPubSub({
    publisher: publisher.client,
    subscriber: createFacade() as Redis,
    // As bytes, so that each listener parses a copy of its own.
    messageEventName: 'messageBuffer',
  });

  /** Subscribes the channels that come together by one command. */
  const confirm = batched(confirmAll);
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
    subscribe: (channel, listener) => engine.subscribe<Buffer>(channel, listener),
    async unsubscribe(id) {
      // The engine throws if a listener ends another subscription while a message is being delivered.
      await Promise.resolve();
      engine.unsubscribe(id);
    },
    isLive,
    async ready() {
      await Promise.all([publisher.check(), subscriber.check()]);
      if (!isLive()) throw new Error('Redis is back, but not all channels are subscribed yet');
    },
    stop() {
      publisher.stop();
      subscriber.stop();
    },
  };

  /** Returns the part of a Redis client that the engine uses for its subscriber. */
  function createFacade(): unknown {
    return {
      on: subscriber.client.on.bind(subscriber.client),
      subscribe: (channel: string, confirmed: () => void) => void confirm(channel).then(confirmed),
      unsubscribe,
      punsubscribe: () => {},
    };
  }

  /** Never rejects: channels that Redis does not confirm now are subscribed on the next reconnect. */
  async function confirmAll(added: readonly string[]): Promise<null[]> {
    for (const channel of added) channels.add(channel);
    await subscriber.firstAttempt;
    // Some may have been left meanwhile.
    const wanted = added.filter((channel) => channels.has(channel));
    if (wanted.length > 0 && subscriber.isReady()) {
      await subscriber.client.subscribe(...wanted).catch(subscriber.renew);
    }
    return added.map(() => null);
  }

  function unsubscribe(channel: string): void {
    channels.delete(channel);
    // A lost connection has no subscriptions, and pings detect a connection that does not respond.
    if (subscriber.isReady()) subscriber.client.unsubscribe(channel).catch(ignore);
  }

  async function subscribeAll(): Promise<void> {
    const own = ++epoch;
    const all = [...channels];
    const starts = Array.from(
      { length: Math.ceil(all.length / channelsPerCommand) },
      (_, index) => index * channelsPerCommand,
    );
    try {
      await Promise.all(
        starts.map((start) => subscriber.client.subscribe(...all.slice(start, start + channelsPerCommand))),
      );
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
}
