import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createHeads, type Heads } from '../../api/live/heads.ts';
import { createTestLogger } from '../support/logger.ts';
import { createLossyPubSub } from '../support/lossy-pubsub.ts';

const checkMs = 5_000;
const awayCheckMs = 1_000;

let isConnected = true;
let heads: Heads;
const check = vi.fn(async () => {});

beforeEach(async () => {
  vi.useFakeTimers();
  check.mockClear();
  isConnected = true;
  const pubsub = { ...createLossyPubSub(() => 'deliver'), connected: () => isConnected };
  heads = createHeads({ pubsub, checkMs, awayCheckMs, logger: createTestLogger() });
  heads.listen({ heads: () => {}, check });
  await heads.start();
});
afterEach(async () => {
  await heads.stop();
  vi.useRealTimers();
});

test('heads are checked periodically', async () => {
  await vi.advanceTimersByTimeAsync(0.85 * checkMs);
  expect(check).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(0.55 * checkMs);
  expect(check).toHaveBeenCalledTimes(1);
});

test('while pubsub is lost they are checked at the shorter interval, which starts before the longer one ends', async () => {
  await vi.advanceTimersByTimeAsync(100);
  isConnected = false;
  await vi.advanceTimersByTimeAsync(1.125 * awayCheckMs);
  expect(check).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(4.6 * awayCheckMs);
  expect(check.mock.calls.length).toBeGreaterThanOrEqual(5);
});
