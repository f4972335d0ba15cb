import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import type { State } from '../../api/infra/state/state.ts';

const rate = { points: 3, windowMs: 60_000 };
const hourMs = 3_600_000;
let state: State;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  state = createMemoryState();
});
afterEach(async () => {
  await state.stop();
  vi.useRealTimers();
});

test('a clock that is set back by an hour refuses nobody for longer than a window', async () => {
  for (let n = 0; n < rate.points; n++) await state.limits.take('ada', rate);
  expect(await state.limits.take('ada', rate)).toBeGreaterThan(0);
  vi.setSystemTime(Date.now() - hourMs);
  expect(await state.limits.take('ada', rate)).toBe(0);
  for (let n = 1; n < rate.points; n++) await state.limits.take('ada', rate);
  expect(await state.limits.take('ada', rate)).toBeLessThanOrEqual(rate.windowMs);
});

test('a clock that is set back does not prolong leases, and one that is set forward does not end them', async () => {
  await state.presence.renew('one', ['ada'], hourMs);
  vi.setSystemTime(Date.now() + 2 * hourMs);
  expect(await state.presence.online(['ada'])).toEqual(new Set(['ada']));
  await state.presence.renew('one', ['bob'], -1);
  vi.setSystemTime(Date.now() - 4 * hourMs);
  expect(await state.presence.online(['bob'])).toEqual(new Set());
});
