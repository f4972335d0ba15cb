import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createSharedTimer } from '../../api/domain/shared-timer.ts';

/** Names of the listeners that were called. */
let called: string[];

beforeEach(() => {
  vi.useFakeTimers();
  called = [];
});
afterEach(() => void vi.useRealTimers());

const listener = (name: string) => () => void called.push(name);

test('all listeners are called by one timer, once in each interval, until they are removed', async () => {
  const timer = createSharedTimer(1_000);
  const leave = timer.add(listener('a'));
  timer.add(listener('b'));
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(called).toEqual(['a', 'b', 'a', 'b']);
  leave();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(called).toEqual(['a', 'b', 'a', 'b', 'b']);
});

test('more listeners than may be called at once are called in portions, each listener once in an interval', async () => {
  const timer = createSharedTimer(900, 2);
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) timer.add(listener(name));
  await vi.advanceTimersByTimeAsync(900);
  expect(called).toEqual(['a', 'b']);
  await vi.advanceTimersByTimeAsync(300);
  expect(called).toEqual(['a', 'b', 'c', 'd']);
  await vi.advanceTimersByTimeAsync(900);
  expect(called).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'a', 'b', 'c', 'd']);
});

test('listeners that were removed before their turn do not delay the others', async () => {
  const timer = createSharedTimer(900, 2);
  for (const name of ['a', 'b']) timer.add(listener(name));
  const leave = ['c', 'd', 'e', 'f'].map((name) => timer.add(listener(name)));
  await vi.advanceTimersByTimeAsync(900);
  for (const leaveTimer of leave) leaveTimer();
  await vi.advanceTimersByTimeAsync(900);
  expect(called).toEqual(['a', 'b', 'a', 'b']);
});

test('no timer runs while there are no listeners', () => {
  const timer = createSharedTimer(1_000);
  timer.add(listener('a'))();
  expect(vi.getTimerCount()).toBe(0);
});
