import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type UserSignal, userTopic } from '../../api/events.ts';
import type { UserSignals } from '../../api/live/user-signals.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';
import { createTestUserSignals } from '../support/signals.ts';

const everyMs = 10_000;
const perSecond = 4;

let pubsub: ReturnType<typeof createLossyPubSub>;
let users: UserSignals;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  pubsub = createLossyPubSub(() => 'deliver');
  users = createTestUserSignals(pubsub, { everyMs, perSecond });
  await users.start();
});
afterEach(async () => {
  await users.stop();
  vi.useRealTimers();
});

function createListener() {
  const heard: [string, UserSignal['type']][] = [];
  const verify = vi.fn(async (_userIds: readonly string[]) => {});
  return { heard, verify, onSignal: (userId: string, { type }: UserSignal) => void heard.push([userId, type]) };
}

test('listeners of one user share a subscription, which ends with the last of them', async () => {
  const [one, other] = [createListener(), createListener()];
  await Promise.all([users.follow('ada', one), users.follow('ada', one), users.follow('ada', other)]);
  expect(users.size()).toBe(1);
  await pubsub.publish(userTopic('bob'), { type: 'match' });
  await pubsub.publish(userTopic('ada'), { type: 'match' });
  users.unfollow('ada', one);
  users.unfollow('ada', other);
  await pubsub.publish(userTopic('ada'), { type: 'blocks' });
  users.unfollow('ada', one);
  await pubsub.publish(userTopic('ada'), { type: 'profile' });
  expect(one.heard).toEqual([
    ['ada', 'match'],
    ['ada', 'blocks'],
  ]);
  expect(other.heard).toEqual([['ada', 'match']]);
  expect(users.size()).toBe(0);
});

test('each listener verifies its own users, in pages, after a reconnect and when a bridge takes over', async () => {
  const [all, some] = [createListener(), createListener()];
  const names = Array.from({ length: 6 }, (_, n) => `user ${n}`);
  for (const name of names) await users.follow(name, all);
  await users.follow('user 5', some);
  for (const act of [() => pubsub.reconnect(), () => pubsub.publish('takeovers', { partition: 3, from: 0 })]) {
    await act();
    await vi.advanceTimersByTimeAsync(250);
    expect(all.verify.mock.calls).toEqual([[names.slice(0, 4)], [names.slice(4)]]);
    expect(some.verify.mock.calls).toEqual([[['user 5']]]);
    all.verify.mockClear();
    some.verify.mockClear();
  }
});

test('users are verified in turn, at most so many a second', async () => {
  const listener = createListener();
  for (let n = 0; n < 20 * perSecond; n++) await users.follow(`user ${n}`, listener);
  await vi.advanceTimersByTimeAsync(10_000);
  const pages = listener.verify.mock.calls.map(([page]) => page.length);
  expect(pages.every((length) => length === perSecond)).toBe(true);
  expect(pages.length).toBeGreaterThanOrEqual(8);
  expect(pages.length).toBeLessThanOrEqual(12);
});

test('everything is verified again if one listener failed', async () => {
  const [one, other] = [createListener(), createListener()];
  one.verify.mockRejectedValueOnce(new Error('away'));
  await users.follow('ada', one);
  await users.follow('ada', other);
  pubsub.reconnect();
  await vi.advanceTimersByTimeAsync(250);
  expect([users.mayMiss(), other.verify.mock.calls.length]).toEqual([true, 1]);
  await vi.advanceTimersByTimeAsync(1_250);
  expect([users.mayMiss(), one.verify.mock.calls.length]).toEqual([false, 2]);
});

test('a user who cannot be followed is not kept', async () => {
  const listener = createListener();
  const subscribe = vi.spyOn(pubsub, 'subscribe').mockRejectedValueOnce(new Error('refused'));
  await expect(users.follow('ada', listener)).rejects.toThrow('refused');
  subscribe.mockRestore();
  expect(users.size()).toBe(0);
});
