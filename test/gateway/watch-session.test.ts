import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Auth, Viewer } from '../../api/domain/auth.ts';
import { watchSession } from '../../api/gateway/auth/watch-session.ts';

/** Times at which sessions were looked up. */
let asked: number[];
const auth = {
  watch: () => () => {},
  expiryOf: async () => {
    asked.push(Date.now());
    return 0;
  },
} as unknown as Auth;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  asked = [];
});
afterEach(() => void vi.useRealTimers());

test('sessions whose tokens expire within one second are looked up at the same time, so that they share a statement', async () => {
  const ended: string[] = [];
  for (let n = 1; n <= 999; n++) {
    const viewer = { sessionId: String(n), expiresAt: Date.now() + 5_000 + n } as Viewer;
    watchSession(auth, viewer, () => ended.push(viewer.sessionId));
  }
  await vi.advanceTimersByTimeAsync(5_999);
  expect(asked).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(new Set(asked)).toEqual(new Set([1_006_000]));
  expect(ended).toHaveLength(999);
});
