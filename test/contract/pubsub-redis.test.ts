import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { userTopic } from '../../api/events.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { createRedisPubSub } from '../../api/infra/pubsub/redis.ts';
import { createTestLogger } from '../support/logger.ts';
import { createOpening } from '../support/opening.ts';
import { patienceMs } from '../support/patience.ts';
import { startOwnRedis } from '../support/services/redis.ts';
import { sharedRedis } from '../support/services/shared.ts';
import { describePubSub } from './pubsub.ts';

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

describe('pubsub over Redis during outages', () => {
  const opening = createOpening();
  const startServer = async () => opening(await startOwnRedis());
  const pubsubOver = (...urls: string[]) => opening(create(urls));

  test('reports when every topic is subscribed again after Redis was killed, and then delivers every message', async () => {
    const redis = await startServer();
    const pubsub = pubsubOver(redis.url);
    const topics = Array.from({ length: 2_500 }, (_, n) => userTopic(`user ${n}`));
    const seen = new Set<string>();
    await Promise.all(topics.map((topic) => pubsub.subscribe(topic, () => seen.add(topic))));
    const back = countReconnections(pubsub);

    await redis.kill('SIGKILL');
    await vi.waitFor(() => expect(pubsub.connected()).toBe(false));
    await expect(pubsub.ready()).rejects.toThrow();
    await expect(pubsub.publish('presence', ['lost'])).rejects.toThrow();
    await redis.restart();
    await vi.waitFor(() => expect(back.count).toBe(1));

    expect(pubsub.connected()).toBe(true);
    await pubsub.ready();
    await Promise.all(topics.map((topic) => pubsub.publish(topic, { type: 'match' })));
    await vi.waitFor(() => expect(seen.size).toBe(topics.length));
    expect(back.count).toBe(1);
  });

  test('detects that Redis hangs, rejects messages until it resumes, then reconnects', async () => {
    const redis = await startServer();
    const pubsub = opening(create([redis.url], { timeoutMs: 3_000 }));
    const seen: unknown[] = [];
    await pubsub.subscribe('presence', (sessions) => seen.push(sessions));
    const back = countReconnections(pubsub);

    await redis.kill('SIGSTOP');
    const late = pubsub.subscribe(userTopic('late'), () => seen.push('late'));
    await expect(pubsub.publish('presence', ['first'])).rejects.toThrow();
    await late;
    await vi.waitFor(() => expect(pubsub.connected()).toBe(false));
    await expect(pubsub.publish('presence', ['second'])).rejects.toThrow();
    await redis.kill('SIGCONT');
    await vi.waitFor(() => expect(back.count).toBe(1));

    await pubsub.publish('presence', ['third']);
    await pubsub.publish(userTopic('late'), { type: 'match' });
    await vi.waitFor(() => expect(seen.slice(-2)).toEqual([['third'], 'late']));
    expect(seen).not.toContainEqual(['second']);
  });

  test('detects a dead connection on which nothing is sent', async () => {
    const redis = await startServer();
    const pubsub = opening(create([redis.url], { timeoutMs: 3_000 }));
    await pubsub.subscribe('presence', () => {});
    const back = countReconnections(pubsub);

    await redis.kill('SIGSTOP');
    await vi.waitFor(() => expect(pubsub.connected()).toBe(false));
    await redis.kill('SIGCONT');

    await vi.waitFor(() => expect(back.count).toBe(1));
  });

  test('is connected again only after Redis has confirmed every subscription', async () => {
    const redis = await startServer();
    const pubsub = pubsubOver(redis.url);
    const seen: unknown[] = [];
    await pubsub.subscribe('presence', (sessions) => seen.push(sessions));
    const back = countReconnections(pubsub);
    const admin = new Redis(redis.url);
    opening({ stop: async () => admin.disconnect() });

    // Redis closes the connection, accepts new ones and denies them to subscribe.
    await admin.call('ACL', 'SETUSER', 'default', 'resetchannels');
    await vi.waitFor(async () => expect(await countDenied(admin)).toBeGreaterThan(2));
    await expect(pubsub.ready()).rejects.toThrow();
    expect(pubsub.connected()).toBe(false);
    expect(back.count).toBe(0);
    await admin.call('ACL', 'SETUSER', 'default', 'allchannels');
    await vi.waitFor(() => expect(back.count).toBe(1));

    await pubsub.publish('presence', ['a']);
    await vi.waitFor(() => expect(seen).toEqual([['a']]));
  });

  test('accepts subscribers before it has ever reached Redis, and subscribes them once it does', async () => {
    const redis = await startServer();
    await redis.kill('SIGKILL');
    const pubsub = pubsubOver(redis.url);
    const back = countReconnections(pubsub);
    const seen: unknown[] = [];

    await pubsub.subscribe('presence', (sessions) => seen.push(sessions));
    const unsubscribe = await pubsub.subscribe('presence', () => seen.push('ended'));
    await unsubscribe();
    expect(pubsub.connected()).toBe(false);
    await redis.restart();
    await vi.waitFor(() => expect(back.count).toBe(1));

    await pubsub.publish('presence', ['a']);
    await vi.waitFor(() => expect(seen).toEqual([['a']]));
  });

  test('has every topic on one of several servers, and is not connected while one is unavailable', async () => {
    const [one, other] = [await startServer(), await startServer()];
    const pubsub = pubsubOver(one.url, other.url);
    const topics = Array.from({ length: 40 }, (_, n) => userTopic(`user ${n}`));
    const seen: string[] = [];
    for (const topic of topics) await pubsub.subscribe(topic, () => seen.push(topic));
    const back = countReconnections(pubsub);

    await other.kill('SIGKILL');
    await vi.waitFor(() => expect(pubsub.connected()).toBe(false));
    const published = await Promise.allSettled(topics.map((topic) => pubsub.publish(topic, { type: 'match' })));
    const reached = topics.filter((_, n) => published[n]?.status === 'fulfilled');

    expect(reached.length).toBeGreaterThan(0);
    expect(reached.length).toBeLessThan(topics.length);
    await vi.waitFor(() => expect(seen.toSorted()).toEqual(reached.toSorted()));
    await other.restart();
    await vi.waitFor(() => expect(back.count).toBe(1));
    seen.length = 0;
    for (const topic of topics) await pubsub.publish(topic, { type: 'match' });
    await vi.waitFor(() => expect(seen.toSorted()).toEqual(topics.toSorted()));
  });

  test('reaches processes with the same prefix only', async () => {
    const redis = await startServer();
    const [near, far, other] = ['same', 'same', 'other'].map((prefix) => opening(create([redis.url], { prefix })));
    const seen: string[] = [];
    await far?.subscribe('presence', ([session]) => seen.push(`far ${session}`));
    await other?.subscribe('presence', ([session]) => seen.push(`other ${session}`));

    await near?.publish('presence', ['a']);
    await other?.publish('presence', ['b']);

    await vi.waitFor(() => expect(seen.toSorted()).toEqual(['far a', 'other b']));
  });

  test('receives nothing of topics that nobody here follows, and one message for all listeners of a topic', async () => {
    const redis = await startServer();
    const pubsub = opening(create([redis.url], { prefix: 'node' }));
    const admin = new Redis(redis.url);
    opening({ stop: async () => admin.disconnect() });
    const receiversOf = (topic: string) => admin.publish(`node:${topic}`, '{}');

    const ends = [await pubsub.subscribe('user:own', () => {}), await pubsub.subscribe('user:own', () => {})];
    expect([await receiversOf('user:own'), await receiversOf('user:foreign')]).toEqual([1, 0]);
    for (const end of ends) await end();
    await vi.waitFor(async () => expect(await receiversOf('user:own')).toBe(0));
  });

  test('allows a listener to end every subscription of its topic, including its own', async () => {
    const pubsub = pubsubOver((await startServer()).url);
    const seen: number[] = [];
    const endings: (() => Promise<void>)[] = [];
    for (const n of [1, 2, 3]) {
      const listener = () => {
        seen.push(n);
        for (const end of endings) void end();
      };
      endings.push(await pubsub.subscribe('presence', listener));
    }
    await pubsub.publish('presence', ['a']);
    await vi.waitFor(() => expect(seen).toEqual([1]));

    await pubsub.subscribe('presence', () => seen.push(4));
    await pubsub.publish('presence', ['b']);

    await vi.waitFor(() => expect(seen).toEqual([1, 4]));
  });
});

function create(urls: readonly string[], options: { prefix?: string; timeoutMs?: number } = {}): PubSub {
  const prefix = `test-${randomUUID()}`;
  return createRedisPubSub({
    urls,
    prefix,
    timeoutMs: patienceMs,
    pingMs: 100,
    logger: createTestLogger(),
    ...options,
  });
}

function countReconnections(pubsub: PubSub): { count: number } {
  const back = { count: 0 };
  pubsub.onReconnected(() => back.count++);
  return back;
}

/** Counts the commands that Redis denied because of its access rules. */
async function countDenied(admin: Redis): Promise<number> {
  const entries = (await admin.call('ACL', 'LOG')) as (string | number)[][];
  return entries.reduce((sum, entry) => sum + Number(entry[entry.indexOf('count') + 1]), 0);
}
