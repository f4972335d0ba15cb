import { crc32 } from 'node:zlib';
import type { Topic } from '../../events.ts';
import type { Logger } from '../../logger.ts';
import type { PubSub } from './pubsub.ts';
import { createRedisLink, type RedisLink } from './redis-link.ts';

/**
 * Creates a pubsub over one or more Redis servers.
 * @param options.urls Redis servers, `redis://…` or `rediss://…`. Each topic is on one of them, so every process must name
 *   the same servers in the same order
 * @param options.prefix prefix of all Redis channels; processes that talk to each other must share it
 * @param options.timeoutMs milliseconds after which an attempt to connect, subscribe or publish fails
 * @param options.pingMs milliseconds between pings on each connection; a dead connection is detected within `pingMs` plus
 *   `timeoutMs`
 */
export function createRedisPubSub(options: {
  urls: readonly string[];
  prefix: string;
  timeoutMs?: number;
  pingMs?: number;
  logger: Logger;
}): PubSub {
  const { urls, prefix, timeoutMs = 2_000, pingMs = 1_000, logger } = options;
  const reconnectListeners = new Set<() => void>();
  let wasLost = false;
  let stopped = false;

  const links = urls.map((url) => createRedisLink({ url, timeoutMs, pingMs, logger, onLost, onLive }));
  const connected = () => links.every((link) => link.isLive());

  return {
    async publish(topic: Topic, message) {
      await linkOf(topic).publish(redisChannelOf(topic), message);
    },
    async subscribe(topic, listener) {
      const link = linkOf(topic);
      let ended = false;
      const id = await link.subscribe(redisChannelOf(topic), (message) => {
        if (!ended && !stopped) deliver(message, listener as (message: unknown) => void);
      });
      return async () => {
        if (ended) return;
        ended = true;
        await link.unsubscribe(id);
      };
    },
    connected,
    onReconnected(listener) {
      reconnectListeners.add(listener);
      return () => reconnectListeners.delete(listener);
    },
    async ready() {
      await Promise.all(links.map((link) => link.ready()));
    },
    async stop() {
      stopped = true;
      reconnectListeners.clear();
      for (const link of links) link.stop();
    },
  };

  function onLost(): void {
    wasLost = true;
  }

  function onLive(): void {
    if (!wasLost || stopped || !connected()) return;
    wasLost = false;
    for (const listener of [...reconnectListeners]) callReconnected(listener);
  }

  function deliver(message: Buffer, listener: (message: unknown) => void): void {
    try {
      listener(JSON.parse(message.toString()));
    } catch (error) {
      logger.error({ error }, 'a pubsub listener threw an error');
    }
  }

  function callReconnected(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      logger.error({ error }, 'a pubsub reconnect listener threw an error');
    }
  }

  /** Signals of channels have a form of their own since they carry heads: releases before must not hear them. */
  function redisChannelOf(topic: string): string {
    return topic.startsWith('channel:') ? `${prefix}:head+${topic}` : `${prefix}:${topic}`;
  }

  function linkOf(topic: string): RedisLink {
    const link = links[links.length === 1 ? 0 : crc32(topic) % links.length];
    if (link === undefined) throw new Error('pubsub over Redis needs the URL of at least one server');
    return link;
  }
}
