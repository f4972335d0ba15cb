import { describe, expect, test, vi } from 'vitest';
import { createBacklogBudget } from '../../api/live/backlog-budget.ts';

const settle = () => new Promise(setImmediate);
const never = () => {
  throw new Error('the page is in use');
};

/** Creates a budget, and a function that reserves 40 of its 100 bytes and remembers the order in which pages start. */
function setUp(stallMs = 1e6) {
  const onDropped = vi.fn();
  const budget = createBacklogBudget({ maxBytes: 100, stallMs, onDropped });
  const started: string[] = [];
  const reserve = async (name: string, drop: () => void = never) => {
    const portion = await budget.reserve(40, drop);
    started.push(name);
    return portion;
  };
  return { budget, started, reserve, onDropped };
}

describe('the budget of backlogs', () => {
  test('lets pages wait for memory, and starts them in the order of their calls', async () => {
    const { budget, started, reserve } = setUp();
    const [a, b] = await Promise.all([reserve('a'), reserve('b')]);
    const waiting = ['c', 'd', 'e'].map((name) => reserve(name));
    await settle();
    expect([started, budget.bytes(), budget.waiting()]).toEqual([['a', 'b'], 80, 3]);
    a.release();
    await waiting[0];
    expect([started, budget.bytes(), budget.waiting()]).toEqual([['a', 'b', 'c'], 80, 2]);
    b.resize(20, 20);
    await waiting[1];
    expect([started, budget.bytes(), budget.waiting()]).toEqual([['a', 'b', 'c', 'd'], 100, 1]);
    b.release();
    await settle();
    expect([budget.bytes(), budget.waiting()]).toEqual([80, 1]);
    (await waiting[0])?.release();
    for (const portion of [waiting[1], waiting[2]]) (await portion)?.release();
    expect([started, budget.bytes()]).toEqual([['a', 'b', 'c', 'd', 'e'], 0]);
  });

  test('lets a page that turns out to be larger delay the others, and a page above the bound pass alone', async () => {
    const { budget, started, reserve } = setUp();
    const large = await budget.reserve(1_000, never);
    expect(budget.bytes()).toBe(100);
    large.resize(300, 0);
    void reserve('a');
    large.resize(61, 30);
    await settle();
    expect(started).toEqual([]);
    large.resize(60, 30);
    await settle();
    expect([started, budget.bytes()]).toEqual([['a'], 100]);
  });

  test('drops pages whose peers do not read while others wait, except for their part in flight', async () => {
    const { budget, started, reserve, onDropped } = setUp(1);
    const drop = vi.fn();
    const stalled = await reserve('stalled', drop);
    stalled.resize(100, 10);
    await reserve('a');
    expect(drop).toHaveBeenCalledOnce();
    expect([started, budget.bytes(), onDropped.mock.calls.length]).toEqual([['stalled', 'a'], 50, 1]);
    await reserve('b');
    stalled.release();
    expect([budget.bytes(), budget.waiting()]).toEqual([80, 0]);
    expect(drop).toHaveBeenCalledOnce();
  });
});
