import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { matchTopic } from '../../api/events.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { createRedisPubSub } from '../../api/infra/pubsub/redis.ts';
import { createTestLogger } from '../support/logger.ts';
import { startOwnRedis } from '../support/services/redis.ts';
import { sharedRedis } from '../support/services/shared.ts';
import { describePubSub } from './pubsub.ts';

const patience = { timeout: 20_000, interval: 10 };

let sharedUrl: string;
beforeAll(async () => {
  sharedUrl = await sharedRedis();
});

describePubSub('over Redis', async () => {
  const pubsub = create([sharedUrl]);
  return { pubsub, dispose: () => pubsub.stop() };
});

describePubSub('over several Redis servers', async () => {
  const second = await startOwnRedis();
  const pubsub = create([sharedUrl, second.url]);
  const dispose = async () => {
    await pubsub.stop();
    await second.stop();
  };
  return { pubsub, dispose };
});

describe('pubsub over Redis, when Redis goes away', () => {
  const opened: { stop(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.stop();
  });
  const opening = <T extends { stop(): Promise<void> }>(one: T): T => {
    opened.push(one);
    return one;
  };
  const startServer = async () => opening(await startOwnRedis());
  const pubsubOver = (...urls: string[]) => opening(create(urls));

  test('reports when everything is subscribed again after Redis was killed, and then delivers every message', async () => {
    const redis = await startServer();
    const pubsub = pubsubOver(redis.url);
    const topics = Array.from({ length: 2_500 }, (_, n) => matchTopic(`user ${n}`));
    const seen = new Set<string>();
    await Promise.all(topics.map((topic) => pubsub.subscribe(topic, () => seen.add(topic))));
    const back = countReconnections(pubsub);

    await redis.kill('SIGKILL');
    await vi.waitFor(() => expect(pubsub.connected()).toBe(false), patience);
    await expect(pubsub.ready()).rejects.toThrow();
    await expect(pubsub.publish('sessions', ['lost'])).rejects.toThrow();
    await redis.restart();
    await vi.waitFor(() => expect(back.count).toBe(1), patience);

    expect(pubsub.connected()).toBe(true);
    await pubsub.ready();
    await Promise.all(topics.map((topic) => pubsub.publish(topic, null)));
    await vi.waitFor(() => expect(seen.size).toBe(topics.length), patience);
    expect(back.count).toBe(1);
  });

  test('detects that Redis hangs, rejects messages that are published meanwhile, and reconnects when Redis goes on', async () => {
    const redis = await startServer();
    const pubsub = opening(create([redis.url], { timeoutMs: 1_000 }));
    const seen: unknown[] = [];
    await pubsub.subscribe('sessions', (sessions) => seen.push(sessions));
    const back = countReconnections(pubsub);

    await redis.kill('SIGSTOP');
    const late = pubsub.subscribe(matchTopic('late'), () => seen.push('late'));
    await expect(pubsub.publish('sessions', ['first'])).rejects.toThrow();
    await late;
    await vi.waitFor(() => expect(pubsub.connected()).toBe(false), patience);
    await expect(pubsub.publish('sessions', ['second'])).rejects.toThrow();
    await redis.kill('SIGCONT');
    await vi.waitFor(() => expect(back.count).toBe(1), patience);

    await pubsub.publish('sessions', ['third']);
    await pubsub.publish(matchTopic('late'), null);
    await vi.waitFor(() => expect(seen.slice(-2)).toEqual([['third'], 'late']), patience);
    expect(seen).not.toContainEqual(['second']);
  });

  test('detects a dead connection even if it is idle', async () => {
    const redis = await startServer();
    const pubsub = opening(create([redis.url], { timeoutMs: 1_000 }));
    await pubsub.subscribe('sessions', () => {});
    const back = countReconnections(pubsub);

    await redis.kill('SIGSTOP');
    await vi.waitFor(() => expect(pubsub.connected()).toBe(false), patience);
    await redis.kill('SIGCONT');

    await vi.waitFor(() => expect(back.count).toBe(1), patience);
  });

  test('is not connected before Redis has confirmed every subscription', async () => {
    const redis = await startServer();
    const pubsub = pubsubOver(redis.url);
    const seen: unknown[] = [];
    await pubsub.subscribe('sessions', (sessions) => seen.push(sessions));
    const back = countReconnections(pubsub);
    const admin = new Redis(redis.url);
    opening({ stop: async () => admin.disconnect() });

    // Redis ends the connection, accepts new ones and refuses to subscribe them.
    await admin.call('ACL', 'SETUSER', 'default', 'resetchannels');
    await vi.waitFor(async () => expect(await countRefusals(admin)).toBeGreaterThan(2), patience);
    await expect(pubsub.ready()).rejects.toThrow();
    expect(pubsub.connected()).toBe(false);
    expect(back.count).toBe(0);
    await admin.call('ACL', 'SETUSER', 'default', 'allchannels');
    await vi.waitFor(() => expect(back.count).toBe(1), patience);

    await pubsub.publish('sessions', ['a']);
    await vi.waitFor(() => expect(seen).toEqual([['a']]), patience);
  });

  test('accepts subscribers before Redis was ever reached, and subscribes them when it comes up', async () => {
    const redis = await startServer();
    await redis.kill('SIGKILL');
    const pubsub = pubsubOver(redis.url);
    const back = countReconnections(pubsub);
    const seen: unknown[] = [];

    await pubsub.subscribe('sessions', (sessions) => seen.push(sessions));
    const unsubscribe = await pubsub.subscribe('sessions', () => seen.push('ended'));
    await unsubscribe();
    expect(pubsub.connected()).toBe(false);
    await redis.restart();
    await vi.waitFor(() => expect(back.count).toBe(1), patience);

    await pubsub.publish('sessions', ['a']);
    await vi.waitFor(() => expect(seen).toEqual([['a']]), patience);
  });

  test('puts every topic on one of several servers, and is not connected while one of them is away', async () => {
    const [one, other] = [await startServer(), await startServer()];
    const pubsub = pubsubOver(one.url, other.url);
    const topics = Array.from({ length: 40 }, (_, n) => matchTopic(`user ${n}`));
    const seen: string[] = [];
    for (const topic of topics) await pubsub.subscribe(topic, () => seen.push(topic));
    const back = countReconnections(pubsub);

    await other.kill('SIGKILL');
    await vi.waitFor(() => expect(pubsub.connected()).toBe(false), patience);
    const published = await Promise.allSettled(topics.map((topic) => pubsub.publish(topic, null)));
    const reached = topics.filter((_, n) => published[n]?.status === 'fulfilled');

    expect(reached.length).toBeGreaterThan(0);
    expect(reached.length).toBeLessThan(topics.length);
    await vi.waitFor(() => expect(seen.toSorted()).toEqual(reached.toSorted()), patience);
    await other.restart();
    await vi.waitFor(() => expect(back.count).toBe(1), patience);
    seen.length = 0;
    for (const topic of topics) await pubsub.publish(topic, null);
    await vi.waitFor(() => expect(seen.toSorted()).toEqual(topics.toSorted()), patience);
  });

  test('reaches processes with the same prefix, and no others', async () => {
    const redis = await startServer();
    const [near, far, other] = ['same', 'same', 'other'].map((prefix) => opening(create([redis.url], { prefix })));
    const seen: string[] = [];
    await far?.subscribe('sessions', ([session]) => seen.push(`far ${session}`));
    await other?.subscribe('sessions', ([session]) => seen.push(`other ${session}`));

    await near?.publish('sessions', ['a']);
    await other?.publish('sessions', ['b']);

    await vi.waitFor(() => expect(seen.toSorted()).toEqual(['far a', 'other b']), patience);
  });

  test('lets a listener end every subscription of its topic, including its own, and leaves none behind', async () => {
    const pubsub = pubsubOver((await startServer()).url);
    const seen: number[] = [];
    const endings: (() => Promise<void>)[] = [];
    for (const n of [1, 2, 3]) {
      const listener = () => {
        seen.push(n);
        for (const end of endings) void end();
      };
      endings.push(await pubsub.subscribe('sessions', listener));
    }
    await pubsub.publish('sessions', ['a']);
    await vi.waitFor(() => expect(seen).toEqual([1]), patience);

    await pubsub.subscribe('sessions', () => seen.push(4));
    await pubsub.publish('sessions', ['b']);

    await vi.waitFor(() => expect(seen).toEqual([1, 4]), patience);
  });
});

function create(urls: readonly string[], options: { prefix?: string; timeoutMs?: number } = {}): PubSub {
  const prefix = `test-${randomUUID()}`;
  return createRedisPubSub({ urls, prefix, timeoutMs: 5_000, pingMs: 100, logger: createTestLogger(), ...options });
}

function countReconnections(pubsub: PubSub): { count: number } {
  const back = { count: 0 };
  pubsub.onReconnected(() => back.count++);
  return back;
}

/** Returns the number of commands that Redis refused for lack of permission. */
async function countRefusals(admin: Redis): Promise<number> {
  const entries = (await admin.call('ACL', 'LOG')) as (string | number)[][];
  return entries.reduce((sum, entry) => sum + Number(entry[entry.indexOf('count') + 1]), 0);
}
