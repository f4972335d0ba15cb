import { describe, expect, test, vi } from 'vitest';
import type { Entry } from '../../api/events.ts';
import { createRecentBudget } from '../../api/live/recent-budget.ts';
import { createRecentEntries } from '../../api/live/recent-entries.ts';

const entry = (position: number, facts: Partial<Entry> = {}) =>
  ({ id: `m${position}`, position, revision: 0, text: '', attachments: [], ...facts }) as Entry;
const positionsOf = (found: readonly Entry[] | null) => found?.map(({ position }) => position);
const unlimited = Number.POSITIVE_INFINITY;

/** Creates the recent entries of some feeds, with a bound on all of them. */
function setUp(maxBytes: number, feeds: number) {
  const onEvicted = vi.fn();
  const budget = createRecentBudget(maxBytes, onEvicted);
  const recent = Array.from({ length: feeds }, () => createRecentEntries(0));
  const push = (feed: number, position: number, facts?: Partial<Entry>, feedBytes = unlimited) => {
    const entries = recent[feed];
    if (entries) budget.push(entries, entry(position, facts), feedBytes);
  };
  return { budget, recent, push, onEvicted };
}

describe('recent entries', () => {
  const attachments = [{ filename: 'x'.repeat(200) }] as unknown as Entry['attachments'];

  test.each([
    ['characters of one byte', { text: 'x'.repeat(440) }, 7],
    ['characters of two bytes', { text: '\u4e16'.repeat(420) }, 5],
    ['attachments', { attachments }, 6],
  ])('keep as many as the limit in bytes allows: %s', (_what, facts, expected) => {
    const { recent, push } = setUp(unlimited, 1);
    for (let position = 1; position <= 100; position++) push(0, position, facts, 7_000);
    expect(recent[0]?.since(100 - expected, 100)).toHaveLength(expected);
    expect(recent[0]?.since(99 - expected, 100)).toBeNull();
  });

  test('keep only the newest state of an entry, and give back the memory of the one before', () => {
    const { recent, push } = setUp(unlimited, 1);
    for (let position = 1; position <= 3; position++) push(0, position, { text: 'secret' });
    const bytes = recent[0]?.bytes() ?? 0;
    push(0, 4, { id: 'm2', revision: 1, text: '' });
    expect(positionsOf(recent[0]?.since(0, 10) ?? null)).toEqual([1, 3, 4]);
    expect(positionsOf(recent[0]?.since(1, 2) ?? null)).toEqual([3, 4]);
    expect(recent[0]?.bytes()).toBe(bytes - 'secret'.length);
  });

  test('stay correct while entries change, and are dropped, many times', () => {
    const recent = createRecentEntries(0);
    const states: Entry[] = [];
    let lowest = 0;
    for (let position = 1; position <= 2_000; position++) {
      const id = `m${(position * position) % 97}`;
      const state = entry(position, { id, revision: states.filter((one) => one.id === id).length });
      states.push(state);
      recent.push(state);
      if (position % 3 === 0) {
        const [oldest] = recent.since(lowest, 1) ?? [];
        recent.dropOldest();
        lowest = oldest?.position ?? lowest;
      }
    }
    const newest = new Map(states.map(({ id, position }) => [id, position]));
    const kept = states.filter(({ id, position }) => newest.get(id) === position && position > lowest);
    expect(recent.since(lowest, unlimited)).toEqual(kept);
    expect(recent.since(lowest - 1, unlimited)).toBeNull();
    for (let dropped = 0; dropped < kept.length; dropped++) recent.dropOldest();
    expect([recent.bytes(), recent.dropOldest()]).toEqual([0, 0]);
  });
});

describe('the recent entries of a node', () => {
  test('have one bound: the feed without new entries for the longest time loses its oldest first', () => {
    const size = measureEntry();
    const { budget, recent, push, onEvicted } = setUp(6 * size, 3);
    for (const feed of [0, 1, 2]) for (const position of [1, 2]) push(feed, position);
    expect([budget.bytes(), onEvicted.mock.calls.length]).toEqual([6 * size, 0]);
    push(0, 3);
    expect(recent.map((one) => positionsOf(one.since(0, 10)))).toEqual([[1, 2, 3], undefined, [1, 2]]);
    expect(positionsOf(recent[1]?.since(1, 10) ?? null)).toEqual([2]);
    for (const position of [4, 5, 6]) push(0, position);
    expect(recent.map((one) => one.bytes())).toEqual([6 * size, 0, 0]);
    push(0, 7);
    expect(positionsOf(recent[0]?.since(1, 10) ?? null)).toEqual([2, 3, 4, 5, 6, 7]);
    expect([budget.bytes(), onEvicted.mock.calls.length]).toEqual([6 * size, 5]);
  });

  test('are given back when a feed ends', () => {
    const { budget, recent, push } = setUp(unlimited, 2);
    for (const feed of [0, 1]) push(feed, 1);
    if (recent[0]) budget.remove(recent[0]);
    expect(budget.bytes()).toBe(measureEntry());
    push(1, 2);
    expect(budget.bytes()).toBe(2 * measureEntry());
  });
});

function measureEntry(): number {
  const recent = createRecentEntries(0);
  recent.push(entry(1));
  return recent.bytes();
}
