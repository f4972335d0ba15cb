import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createRateShares } from '../../api/domain/rate-shares.ts';

const rate = { windowMs: 4_000, share: 20 };
const points = 200;
const hourMs = 3_600_000;
/** The window that all nodes share. */
const shared = { used: 0, endsAt: 0, calls: 0 };

async function take(_key: string, amount: number): Promise<number> {
  shared.calls += 1;
  if (shared.endsAt <= Date.now()) Object.assign(shared, { used: 0, endsAt: Date.now() + rate.windowMs });
  if (shared.used + amount > points) return shared.endsAt - Date.now();
  shared.used += amount;
  return 0;
}

const node = () => createRateShares({ ...rate, take });

/** Takes points one after another, from each node in turn. Returns how many there were. */
async function takeMany(nodes: ReturnType<typeof node>[], attempts: number): Promise<number> {
  let taken = 0;
  for (let n = 0; n < attempts; n++) if ((await nodes[n % nodes.length]?.take('ada')) === 0) taken += 1;
  return taken;
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'] });
  Object.assign(shared, { used: 0, endsAt: 0, calls: 0 });
});
afterEach(() => vi.useRealTimers());

describe('a rate that processes take in shares', () => {
  it('gives one process exactly the points of the window, for a round trip each share', async () => {
    expect(await takeMany([node()], 1_000)).toBe(points);
    expect(shared.calls).toBe(points / rate.share);
  });

  it('costs no round trip within the first share', async () => {
    expect(await takeMany([node()], rate.share)).toBe(rate.share);
    expect(shared.calls).toBe(0);
  });

  it('gives several processes the points of the window once, and less than a share more for each', async () => {
    for (const count of [2, 4]) {
      Object.assign(shared, { used: 0, endsAt: 0 });
      const taken = await takeMany(Array.from({ length: count }, node), 2_000);
      expect(taken).toBeGreaterThan(points - count * rate.share);
      expect(taken).toBeLessThan(points + count * rate.share);
    }
  });

  it('gives the points of one window to requests at the same moment', async () => {
    const only = node();
    const waits = await Promise.all(Array.from({ length: 500 }, () => only.take('ada')));
    expect(waits.filter((ms) => ms === 0)).toHaveLength(points);
  });

  it('names the time until the window ends, asks nobody until then, and goes on afterwards', async () => {
    const only = node();
    await takeMany([only], points);
    const wait = await only.take('ada');
    expect(wait).toBe(rate.windowMs);
    const { calls } = shared;
    expect(await takeMany([only], 100)).toBe(0);
    expect(shared.calls).toBe(calls);
    vi.advanceTimersByTime(wait);
    expect(await takeMany([only], 1_000)).toBe(points);
  });

  it('goes on after a window although the clock of the system was set back by an hour', async () => {
    const only = node();
    await takeMany([only], points);
    vi.setSystemTime(Date.now() - hourMs);
    Object.assign(shared, { used: 0, endsAt: 0 });
    vi.advanceTimersByTime(rate.windowMs);
    expect(await takeMany([only], 1_000)).toBe(points);
  });

  it('counts each key by itself', async () => {
    const only = node();
    await takeMany([only], 1_000);
    expect(await only.take('bob')).toBe(0);
  });
});
