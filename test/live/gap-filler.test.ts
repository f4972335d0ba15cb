import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Entry } from '../../api/events.ts';
import { createByteCounter } from '../../api/live/byte-counter.ts';
import { bytesOfEntry } from '../../api/live/entry-bytes.ts';
import { createGapFiller } from '../../api/live/gap-filler.ts';
import type { Backlog } from '../../api/live/live-source.ts';
import { createTestLogger } from '../support/logger.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

const graceMs = 10;
const entries = (...positions: number[]) =>
  positions.map((position) => ({ position, text: '', attachments: [] }) as unknown as Entry);

/** Creates a gap filler over a database whose head is `database.head`, and collects the positions that it passes on. */
function setUp({ ahead = createByteCounter(1_000_000) } = {}) {
  const passed: number[] = [];
  const database = { head: 0 };
  const read = vi.fn(async (position: number): Promise<Backlog<Entry>> => {
    const positions = Array.from({ length: Math.max(0, database.head - position) }, (_, n) => position + n + 1);
    return { entries: entries(...positions), through: Math.max(database.head, position), more: false };
  });
  const onGapFilled = vi.fn();
  const order = createGapFiller({
    channelId: 'room',
    read,
    graceMs,
    ahead,
    logger: createTestLogger(),
    onGapFilled,
    onEntry: ({ position }) => passed.push(position),
    onAdvance: () => {},
  });
  return { order, passed, database, read, onGapFilled };
}

describe('a gap filler', () => {
  test('passes each position on once, in order', () => {
    const { order, passed } = setUp();
    order.start(0);
    for (const position of [2, 1, 1, 4, 2, 3]) order.accept(entries(position));
    expect(passed).toEqual([1, 2, 3, 4]);
    expect([order.last(), order.lag()]).toEqual([4, 0]);
  });

  test('keeps entries that arrive before it starts', () => {
    const { order, passed } = setUp();
    order.accept(entries(4, 5, 6));
    expect(order.last()).toBe(-1);
    order.start(4);
    expect(passed).toEqual([5, 6]);
  });

  test('keeps no more entries beyond a gap than there is memory for, and reads the others', async () => {
    const [kept] = entries(2);
    const ahead = createByteCounter(kept ? bytesOfEntry(kept) : 0);
    const { order, passed, database, read } = setUp({ ahead });
    order.start(0);
    order.accept(entries(2, 3, 4));
    order.accept(entries(1));
    expect(passed).toEqual([1, 2]);
    database.head = 4;
    await vi.advanceTimersByTimeAsync(graceMs);
    expect(passed).toEqual([1, 2, 3, 4]);
    expect(read).toHaveBeenCalledExactlyOnceWith(2, 500);
    order.accept(entries(6));
    expect(ahead.bytes()).toBeGreaterThan(0);
    order.stop();
    expect(ahead.bytes()).toBe(0);
  });

  test('does not read the database if a gap closes in time', async () => {
    const { order, passed, read } = setUp();
    order.start(0);
    order.accept(entries(2));
    await vi.advanceTimersByTimeAsync(graceMs - 1);
    order.accept(entries(1));
    await vi.advanceTimersByTimeAsync(graceMs);
    expect(passed).toEqual([1, 2]);
    expect(read).not.toHaveBeenCalled();
  });

  test.each(['an entry', 'a head'])('fills a gap below %s from the database', async (what) => {
    const { order, passed, database, read, onGapFilled } = setUp();
    order.start(0);
    database.head = 3;
    if (what === 'a head') order.raise(3);
    else order.accept(entries(3));
    expect(order.lag()).toBe(3);
    await vi.advanceTimersByTimeAsync(graceMs);
    expect(passed).toEqual([1, 2, 3]);
    expect(read).toHaveBeenCalledOnce();
    expect(onGapFilled).toHaveBeenCalledOnce();
  });

  test('never passes on an entry that the database does not have', async () => {
    const { order, passed, database } = setUp();
    order.start(0);
    database.head = 1;
    order.accept(entries(3));
    await vi.advanceTimersByTimeAsync(graceMs);
    order.accept(entries(2));
    expect(passed).toEqual([1, 2]);
  });

  test('tries again while the database is unavailable', async () => {
    const { order, passed, database, read } = setUp();
    order.start(0);
    database.head = 2;
    read.mockRejectedValueOnce(new Error('unavailable'));
    order.raise(2);
    await vi.advanceTimersByTimeAsync(graceMs);
    expect(passed).toEqual([]);
    await vi.advanceTimersByTimeAsync(500);
    expect(passed).toEqual([1, 2]);
  });

  test('passes nothing on after it was stopped, not even the result of a read', async () => {
    const { order, passed, database, read } = setUp();
    order.start(0);
    database.head = 2;
    order.raise(2);
    vi.advanceTimersByTime(graceMs);
    order.stop();
    order.accept(entries(1));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(read).toHaveBeenCalledOnce();
    expect(passed).toEqual([]);
  });
});
