import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createCoalescedQueue } from '../../api/domain/coalesced-queue.ts';

const windowMs = 1_000;
const hourMs = 3_600_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] });
});
afterEach(() => vi.useRealTimers());

test('a key that was just delivered waits for the window, also if the clock of the system is set back by an hour', async () => {
  const queue = createCoalescedQueue(windowMs);
  const items = queue.items(new AbortController().signal);
  queue.add('room');
  expect(await items.next()).toMatchObject({ value: 'room' });
  queue.add('room');
  const next = items.next();
  vi.setSystemTime(Date.now() - hourMs);
  await vi.advanceTimersByTimeAsync(windowMs - 1);
  expect(await Promise.race([next, 'not yet'])).toBe('not yet');
  await vi.advanceTimersByTimeAsync(1);
  expect(await next).toMatchObject({ value: 'room' });
});
