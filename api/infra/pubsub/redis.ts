import { crc32 } from 'node:zlib';
import type { Topic } from '../../events.ts';
import type { Logger } from '../../logger.ts';
import { createBoundedStream } from './bounded-stream.ts';
import type { PubSub } from './pubsub.ts';
import { createRedisLink, type RedisLink } from './redis-link.ts';

/**
 * Creates pubsub over Redis.
 * @param options.urls one or several servers, `redis://…` or `rediss://…`. Each topic is on one of them, so all processes must
 *   list the same ones in the same order
 * @param options.prefix prefix of all Redis channels; all processes of a deployment must have the same
 * @param options.timeoutMs milliseconds after which an attempt to connect, subscribe or publish fails
 * @param options.pingMs interval of keep-alive pings in milliseconds: a dead connection is found within `pingMs` plus `timeoutMs`
 */
export function createRedisPubSub(options: {
  urls: readonly string[];
  prefix: string;
  timeoutMs?: number;
  pingMs?: number;
  logger: Logger;
}): PubSub {
  const { urls, prefix, timeoutMs = 2_000, pingMs = 1_000, logger } = options;
  const reconnected = new Set<() => void>();
  let wasLost = false;
  let stopped = false;

  const links = urls.map((url) => createRedisLink({ url, timeoutMs, pingMs, logger, onLost, onLive }));
  const connected = () => links.every((link) => link.isLive());

  function onLost(): void {
    wasLost = true;
  }

  function onLive(): void {
    if (!wasLost || stopped || !connected()) return;
    wasLost = false;
    for (const listener of [...reconnected]) guard(listener, 'a listener for reconnections threw');
  }

  function guard(work: () => void, message: string, facts: object = {}): void {
    try {
      work();
    } catch (error) {
      logger.error({ error, ...facts }, message);
    }
  }

  function linkOf(topic: string): RedisLink {
    const link = links[links.length === 1 ? 0 : crc32(topic) % links.length];
    if (link === undefined) throw new Error('pubsub over Redis needs the URL of a server');
    return link;
  }

  const subscribe: PubSub['subscribe'] = async (topic, listener) => {
    let ended = false;
    const unsubscribe = await linkOf(topic).subscribe(`${prefix}:${topic}`, (message) => {
      if (!ended && !stopped)
        guard(() => listener(JSON.parse(message.toString())), 'a pubsub listener threw', { topic });
    });
    return () => {
      ended = true;
      return unsubscribe();
    };
  };

  return {
    async publish(topic: Topic, message) {
      await linkOf(topic).publish(`${prefix}:${topic}`, message);
    },
    subscribe,
    stream: (topic, options) => createBoundedStream(subscribe, topic, options),
    connected,
    onReconnected(listener) {
      reconnected.add(listener);
      return () => reconnected.delete(listener);
    },
    async ready() {
      await Promise.all(links.map((link) => link.ready()));
    },
    async stop() {
      stopped = true;
      reconnected.clear();
      for (const link of links) link.stop();
    },
  };
}
