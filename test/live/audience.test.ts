import { describe, expect, test, vi } from 'vitest';
import { RateLimitedError, UnavailableError } from '../../api/errors.ts';
import { DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import type { AudiencesOptions } from '../../api/live/audiences.ts';
import { createBacklogBudget } from '../../api/live/backlog-budget.ts';
import { createExecutionQueue } from '../../api/live/execution-queue.ts';
import type { Backlog, LiveSource, Positioned, Reader } from '../../api/live/live-source.ts';
import { createLiveStream } from '../../api/live/live-stream.ts';
import type { Outbox } from '../../api/live/outbox/outboxes.ts';
import type { MakePayloads } from '../../api/live/page-loader.ts';
import { createTestAudiences } from '../support/audiences.ts';
import { readFrames } from '../support/frames.ts';
import { createFakeOutbox } from '../support/outbox.ts';

/** A source that keeps the newest items in memory, and reads older ones. An item that replaces another names it. */
function createSource(recent: number) {
  const items: (Positioned & { replaces?: number })[] = [];
  const isReplaced = ({ position }: Positioned) => items.some(({ replaces }) => replaces === position);
  const listeners = new Set<() => void>();
  let failure: Error | undefined;
  const notify = () => {
    for (const listener of [...listeners]) listener();
  };
  const after = (position: number, limit = Number.POSITIVE_INFINITY): Backlog<Positioned> => {
    const entries = items.filter((item) => item.position > position && !isReplaced(item)).slice(0, limit);
    const through = entries.length < limit ? items.length : (entries.at(-1)?.position ?? position);
    return { entries, through, more: through < items.length };
  };
  const source: LiveSource<Positioned> = {
    channelId: 'room',
    kind: 'entry',
    last: () => items.length,
    since(position, limit) {
      if (failure) throw failure;
      return position < items.length - recent ? null : after(position, limit);
    },
    read: vi.fn(async (position, limit) => after(position, limit)),
    version: () => items.filter(({ replaces }) => replaces).length,
    current: (some) => some.filter((item) => !isReplaced(item)),
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    source,
    listeners,
    push(count: number) {
      for (let n = 0; n < count; n++) items.push({ position: items.length + 1 });
      notify();
    },
    replace(position: number) {
      items.push({ position: items.length + 1, replaces: position });
      notify();
    },
    fail(error: Error) {
      failure = error;
      notify();
    },
  };
}

/** A sink that collects the positions of the items that a subscription received. */
function createSubscriber() {
  const received: number[] = [];
  const take = (frames: Buffer) => {
    for (const [, position] of String(frames).matchAll(/"payload":(\d+)/g)) received.push(Number(position));
  };
  const outbox = createFakeOutbox({ add: take, send: async (frames) => take(frames) });
  return {
    received,
    sink: { outbox, idJson: '"1"', resultType: 'next' as const, cursor: null, viewer: { name: 'viewer' } },
  };
}

/** An outbox whose peer takes the frames that were sent when the test calls `read`. */
function createSlowOutbox() {
  const sent: Buffer[] = [];
  const waiting: (() => void)[] = [];
  const outbox = createFakeOutbox({
    add: () => {},
    send(frames) {
      sent.push(frames);
      return new Promise((resolve) => waiting.push(resolve));
    },
  });
  return { outbox, sent, read: () => waiting.splice(0).map((resolve) => resolve()) };
}

function setUp({ recent = 1_000, ...options }: { recent?: number } & Partial<AudiencesOptions> = {}) {
  const controlled = createSource(recent);
  const counts = { executed: 0, delivered: 0 };
  const gaveUp = vi.fn();
  const audiences = createTestAudiences({
    ...options,
    metrics: {
      executed(items) {
        counts.executed += items;
      },
      delivered(items) {
        counts.delivered += items;
      },
      gaveUp,
    },
  });
  const make = vi.fn<MakePayloads<unknown>>(async (items, viewer) =>
    (items as Positioned[]).map(({ position }) => Buffer.from(String(viewer ? position * 1_000 : position))),
  );
  const ended = vi.fn();

  function follow(reader: Partial<Reader<Positioned>> = {}, key = 'all', outbox?: Outbox, client = 'ada') {
    const { received, sink: own } = createSubscriber();
    const sink = outbox ? { ...own, outbox } : own;
    const stream = createLiveStream(controlled.source, { position: 0, judge: () => null, ...reader }, ended);
    const iterator = audiences.serve(stream, { key, client, points: 20, make: () => make }, sink);
    const end = iterator.next().then(
      () => 'done',
      (error: unknown) => error,
    );
    return { received, end, leave: () => iterator.return?.() };
  }

  return { ...controlled, audiences, counts, gaveUp, make, ended, follow };
}

const positions = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const settle = () => new Promise(setImmediate);

describe('an audience', () => {
  test('executes an item once, however many subscribers get it', async () => {
    const { push, follow, counts, make } = setUp();
    const followers = Array.from({ length: 200 }, () => follow());
    await settle();
    push(1);
    await settle();
    push(2);
    await settle();
    for (const { received } of followers) expect(received).toEqual([1, 2, 3]);
    expect(counts).toEqual({ executed: 3, delivered: 600 });
    expect(make).toHaveBeenCalledTimes(2);
  });

  test('is separate for each selection', async () => {
    const { push, follow, counts, audiences } = setUp();
    const followers = [follow({}, 'a'), follow({}, 'b'), follow({}, 'b')];
    await settle();
    expect(audiences.size()).toBe(2);
    push(1);
    await settle();
    for (const { received } of followers) expect(received).toEqual([1]);
    expect(counts.executed).toBe(2);
  });

  test('sends late subscribers every earlier item, executed once for those that join together', async () => {
    const { push, follow, counts } = setUp();
    push(250);
    const followers = Array.from({ length: 50 }, () => follow({ position: 20 }));
    await vi.waitFor(() => expect(followers.at(-1)?.received).toHaveLength(230));
    push(1);
    await settle();
    for (const { received } of followers) expect(received).toEqual(positions(21, 251));
    expect(counts.executed).toBe(231);
  });

  test('executes an item once where some readers may not read the item that it quotes, which is hidden from them', async () => {
    const { push, follow, counts, make } = setUp();
    const quote = '{"text":"é, \\"é\\""}';
    make.mockImplementation(async (items) =>
      (items as Positioned[]).map(({ position }) => {
        const before = `[${position},`;
        const length = Buffer.byteLength(quote);
        const marks = [{ offset: Buffer.byteLength(before), length, seq: 5 }];
        return Object.assign(Buffer.from(`${before}${quote}]`), { marks });
      }),
    );
    const followers = [0, 5, 6, 9].map((from) => {
      const received: unknown[] = [];
      const take = (frames: Buffer) => received.push(...readFrames(frames).map((frame) => JSON.parse(frame).payload));
      const outbox = createFakeOutbox({ add: take, send: async (frames) => void take(frames) });
      follow({ readableFrom: () => from }, 'all', outbox);
      return { from, received };
    });
    await settle();
    push(1);
    await settle();
    push(1);
    await settle();
    const shown = { text: 'é, "é"' };
    for (const { from, received } of followers)
      expect(received).toEqual([1, 2].map((position) => [position, from > 5 ? null : shown]));
    expect(counts).toEqual({ executed: 2, delivered: 8 });
  });

  test('executes an item for one reader alone if that reader asks for it, and keeps the order', async () => {
    const { push, follow, counts, make } = setUp();
    const alone = follow({
      judge: ({ position }) => (position % 3 === 0 ? 'alone' : position % 5 === 0 ? 'skip' : null),
    });
    const others = [follow(), follow()];
    await settle();
    for (let n = 0; n < 4; n++) {
      push(2);
      await settle();
    }
    push(2);
    await vi.waitFor(() => expect(alone.received).toEqual([1, 2, 3_000, 4, 6_000, 7, 8, 9_000]));
    for (const { received } of others) expect(received).toEqual(positions(1, 10));
    expect(make.mock.calls.filter(([, viewer]) => viewer).flatMap(([items]) => items)).toHaveLength(3);
    expect(counts.delivered).toBe(8 + 20);
  });

  test('reads items that are no longer in memory from the source', async () => {
    const { push, follow, source } = setUp({ recent: 10 });
    push(50);
    const follower = follow({ position: 5 });
    await vi.waitFor(() => expect(follower.received).toEqual(positions(6, 50)));
    expect(source.read).toHaveBeenCalledWith(5, 25);
  });

  test('leaves no gap for a subscriber that joins during an execution', async () => {
    const { push, follow, make } = setUp();
    const first = follow();
    await settle();
    let finish = () => {};
    make.mockImplementationOnce(async (items) => {
      await new Promise<void>((resolve) => (finish = resolve));
      return (items as Positioned[]).map(({ position }) => Buffer.from(String(position)));
    });
    push(1);
    await settle();
    const second = follow();
    const third = follow({ position: 1 });
    await settle();
    push(1);
    finish();
    await vi.waitFor(() => expect(first.received).toEqual([1, 2]));
    await vi.waitFor(() => expect(second.received).toEqual([1, 2]));
    expect(third.received).toEqual([2]);
  });

  test('delivers everything to a subscriber that is behind one that is ahead of the source', async () => {
    const { push, follow } = setUp();
    push(5);
    const ahead = follow({ position: 8 });
    await settle();
    const level = follow({ position: 5 });
    await settle();
    push(3);
    await settle();
    push(1);
    await settle();
    expect(ahead.received).toEqual([9]);
    expect(level.received).toEqual([6, 7, 8, 9]);
  });

  test('leaves out the items that a reader skips, and those below its position', async () => {
    const { push, follow } = setUp();
    const odd = follow({ judge: ({ position }) => (position % 2 === 0 ? 'skip' : null) });
    const all = follow();
    const late = follow({ position: 2 });
    await settle();
    push(5);
    await settle();
    expect(odd.received).toEqual([1, 3, 5]);
    expect(all.received).toEqual([1, 2, 3, 4, 5]);
    expect(late.received).toEqual([3, 4, 5]);
  });

  test.each(['live', 'in its backlog'])(
    'ends a subscription with the error of its reader, %s, after the items before it',
    async (when) => {
      const { push, follow, ended } = setUp();
      const error = new Error('removed');
      const isLive = when === 'live';
      if (!isLive) push(5);
      const removed = follow({ judge: ({ position }) => (position === 3 ? error : null) });
      const other = follow();
      await settle();
      if (isLive) push(5);
      expect(await removed.end).toBe(error);
      expect(removed.received).toEqual([1, 2]);
      await vi.waitFor(() => expect(other.received).toEqual([1, 2, 3, 4, 5]));
      expect(ended).toHaveBeenCalledOnce();
    },
  );

  test('waits while a service is unavailable, and then delivers everything', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const { push, follow, make } = setUp();
    const follower = follow();
    await settle();
    make.mockResolvedValueOnce(null).mockResolvedValueOnce(null);
    push(2);
    await settle();
    expect(follower.received).toEqual([]);
    push(1);
    for (let n = 1; n <= 2; n++) {
      await vi.advanceTimersByTimeAsync(500 * n);
      await settle();
    }
    vi.useRealTimers();
    await vi.waitFor(() => expect(follower.received).toEqual([1, 2, 3]));
  });

  test.each(['an execution', 'the database'])('ends its subscriptions when %s fails for too long', async (part) => {
    const retries = { firstMs: 1, maxMs: 1, giveUpMs: 0 };
    const { push, follow, make, source, gaveUp, audiences } = setUp({
      recent: part === 'the database' ? 0 : 9,
      retries,
    });
    make.mockResolvedValue(null);
    vi.mocked(source.read).mockRejectedValue(new DatabaseUnavailableError('away'));
    const followers = [follow(), follow()];
    push(1);
    for (const { end } of followers) expect(await end).toBeInstanceOf(UnavailableError);
    expect(gaveUp).toHaveBeenCalled();
    expect(audiences.size()).toBe(0);
  });

  test('retries less and less often while a service is unavailable', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const { push, follow, make } = setUp();
    follow();
    await settle();
    make.mockResolvedValue(null);
    push(1);
    await settle();
    const tries = [];
    for (let second = 0; second < 12; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      await settle();
      tries.push(make.mock.calls.length);
    }
    vi.useRealTimers();
    expect(tries).toEqual([2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6]);
  });

  test('ends a subscription to a source that has ended already', async () => {
    const { follow, fail, ended, audiences } = setUp();
    const error = new Error('the feed was stopped');
    fail(error);
    expect(await follow().end).toBe(error);
    expect(ended).toHaveBeenCalledOnce();
    expect(audiences.size()).toBe(0);
  });

  test('ends every subscription with the error that ended the source', async () => {
    const { push, fail, follow, audiences, listeners } = setUp();
    const followers = [follow(), follow(), follow({}, 'other')];
    await settle();
    push(1);
    await settle();
    const error = new Error('the feed was stopped');
    fail(error);
    for (const { end } of followers) expect(await end).toBe(error);
    expect([audiences.size(), listeners.size]).toEqual([0, 0]);
  });

  test('ends a subscription if its source ends while the last of its backlog is sent', async () => {
    const { push, fail, follow } = setUp();
    const { outbox, read } = createSlowOutbox();
    push(1);
    const { end } = follow({}, 'all', outbox);
    await settle();
    const error = new Error('the feed restarted');
    fail(error);
    read();
    expect(await end).toBe(error);
  });

  test('waits while the database is unavailable, and then sends the backlog', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const { push, follow, source } = setUp({ recent: 0 });
    push(30);
    for (let n = 0; n < 2; n++) vi.mocked(source.read).mockRejectedValueOnce(new DatabaseUnavailableError('away'));
    const follower = follow();
    for (let n = 1; n <= 2; n++) {
      await settle();
      await vi.advanceTimersByTimeAsync(500 * n);
    }
    vi.useRealTimers();
    await vi.waitFor(() => expect(follower.received).toEqual(positions(1, 30)));
    expect(source.read).toHaveBeenCalledTimes(4);
  });

  test('does not confuse a page in memory with one of the database, which lacks overwritten changes', async () => {
    const { push, follow, source } = setUp({ recent: 5 });
    push(15);
    const changed = (list: number[]) => list.map((position) => ({ position }));
    const entries = changed([11, 13, 14, 15]);
    vi.mocked(source.read).mockResolvedValueOnce({ entries, through: 15, more: false });
    const late = follow({ position: 9 });
    await settle();
    const early = follow({ position: 10, judge: ({ position }) => (position === 13 ? 'skip' : null) });
    await settle();
    expect(late.received).toEqual([11, 13, 14, 15]);
    expect(early.received).toEqual([11, 12, 14, 15]);
  });

  test('makes smaller pages of large items, and sends a socket one group of frames at a time', async () => {
    const { push, follow, make } = setUp();
    const size = 20_000;
    make.mockImplementation(async (items) => items.map(() => Buffer.alloc(size, '1')));
    push(200);
    const { outbox, sent, read } = createSlowOutbox();
    const followers = Array.from({ length: 5 }, () => follow({}, 'all', outbox));
    await settle();
    expect(sent).toHaveLength(1);
    expect(make).toHaveBeenCalledOnce();
    while (make.mock.calls.length < 10) {
      read();
      await settle();
    }
    for (const { length } of sent) expect(length).toBeLessThan(65_536 + 1_000);
    expect(make.mock.calls.slice(1).every(([items]) => items.length * size <= 262_144)).toBe(true);
    for (const { leave } of followers) await leave();
    read();
  });

  test.each(['live', 'in its backlog'])('delivers nothing that is replaced during its execution, %s', async (when) => {
    const { push, replace, follow, make } = setUp();
    let finish = () => {};
    make.mockImplementationOnce(async (items) => {
      await new Promise<void>((resolve) => (finish = resolve));
      return (items as Positioned[]).map(({ position }) => Buffer.from(String(position)));
    });
    const isLive = when === 'live';
    if (!isLive) push(3);
    const follower = follow();
    await settle();
    if (isLive) push(3);
    await settle();
    replace(2);
    finish();
    await vi.waitFor(() => expect(follower.received).toEqual([1, 3, 4]));
  });

  test('bounds the pages of all sockets, and drops those of peers that do not read while others wait', async () => {
    const backlog = createBacklogBudget({ maxBytes: 600_000, stallMs: 1 });
    const { push, follow, make } = setUp({ backlog });
    make.mockImplementation(async (items) => items.map(() => Buffer.alloc(50_000, '1')));
    push(5);
    const slow = Array.from({ length: 20 }, () => createSlowOutbox());
    const ends = slow.map(({ outbox }) => follow({}, 'all', outbox));
    let most = 0;
    await vi.waitFor(() => {
      most = Math.max(most, backlog.bytes());
      expect(slow.filter(({ sent }) => sent.length > 0).length).toBeGreaterThan(6);
    });
    expect(most).toBeLessThanOrEqual(600_000);
    await vi.waitFor(() => {
      for (const { read } of slow) read();
      expect(slow.map(({ sent }) => sent.length)).toEqual(slow.map(() => 5));
    });
    for (const { leave } of ends) await leave();
    for (const { read } of slow) read();
    await vi.waitFor(() => expect([backlog.bytes(), backlog.waiting()]).toEqual([0, 0]));
  });

  test('makes the rest of a page again if an item is replaced while the peer reads its beginning', async () => {
    const { push, replace, follow, make } = setUp();
    make.mockImplementation(async (items) =>
      (items as Positioned[]).map(({ position }) => Buffer.alloc(40_000, String(position))),
    );
    push(4);
    const { outbox, sent, read } = createSlowOutbox();
    follow({}, 'all', outbox);
    await settle();
    replace(3);
    await vi.waitFor(() => {
      read();
      expect(sent).toHaveLength(4);
    });
    expect(sent.map((frames) => String(frames).at(-2))).toEqual(['1', '2', '4', '5']);
    const pages = make.mock.calls.map(([items]) => (items as Positioned[]).map(({ position }) => position));
    expect(pages).toEqual([
      [1, 2, 3, 4],
      [2, 4, 5],
    ]);
  });

  test('does not use payloads that were made before an item was replaced, which others may quote', async () => {
    const { push, replace, follow, make } = setUp();
    push(3);
    const early = follow();
    await settle();
    replace(1);
    await settle();
    const late = follow({ position: 1 });
    await settle();
    expect([early.received, late.received]).toEqual([
      [1, 2, 3, 4],
      [2, 3, 4],
    ]);
    expect(make).toHaveBeenCalledTimes(3);
  });

  test('ends with its last subscriber, and executes nothing after that', async () => {
    const { push, follow, audiences, listeners, counts, ended } = setUp();
    const followers = [follow(), follow()];
    await settle();
    for (const { leave, end } of followers) {
      await leave();
      expect(await end).toBe('done');
    }
    push(3);
    await settle();
    expect([audiences.size(), listeners.size, counts.executed]).toEqual([0, 0, 0]);
    expect(ended).toHaveBeenCalledTimes(2);
  });
});

describe('the bounds on points', () => {
  const unlimited = Number.POSITIVE_INFINITY;
  const bounds = { perClientAndSource: 40, perClient: unlimited, perSource: 80, node: unlimited };

  test('refuse another selection, but never one that others have', async () => {
    const refused: string[] = [];
    const { push, follow, audiences, ended } = setUp({ bounds, onRefused: (limit) => refused.push(limit) });
    const followers = [follow({}, 'a'), follow({}, 'b'), follow({}, 'c', undefined, 'bob')];
    expect(() => follow({}, 'd')).toThrow(RateLimitedError);
    followers.push(follow({}, 'c'), follow({}, 'd', undefined, 'bob'));
    expect(() => follow({}, 'e', undefined, 'eve')).toThrow(RateLimitedError);
    followers.push(follow({}, 'a', undefined, 'eve'));
    expect(refused).toEqual(['live-points-of-user-and-channel', 'live-points-of-channel']);
    expect(audiences.points()).toBe(80);
    await settle();
    push(1);
    await settle();
    for (const { received } of followers) expect(received).toEqual([1]);
    for (const { leave } of followers) await leave();
    expect([audiences.points(), ended.mock.calls.length]).toEqual([0, followers.length]);
  });

  test('keep a client from taking over the selections that another one began, again and again', async () => {
    const { follow, audiences } = setUp({ bounds: { ...bounds, perSource: unlimited } });
    const handOver = async (...keys: string[]) => {
      const begun = keys.map((key) => follow({}, key));
      for (const key of keys) follow({}, key, undefined, 'bob');
      for (const { leave } of begun) await leave();
    };
    await handOver('a', 'b');
    await handOver('c', 'd');
    await expect(handOver('e')).rejects.toThrow(RateLimitedError);
    follow({}, 'a', undefined, 'bob');
    expect(audiences.points()).toBe(100);
  });

  test('count subscriptions that are executed by themselves', () => {
    const { source, audiences } = setUp({ bounds });
    const charge = { client: 'ada', points: 1 };
    const places = [audiences.serveAlone(source, charge), audiences.serveAlone(source, charge)];
    expect(() => audiences.serveAlone(source, charge)).toThrow(RateLimitedError);
    expect(() => audiences.serveAlone(source, { client: 'bob', points: 41 })).toThrow(RateLimitedError);
    for (const { release } of places) release();
    audiences.serveAlone(source, { client: 'bob', points: 40 }).release();
    expect(audiences.points()).toBe(0);
  });
});

describe('the executions of many audiences', () => {
  test('let those of another source, and other events, come in between', async () => {
    let ms = 0;
    const queue = createExecutionQueue({ sliceMs: 2, now: () => ms });
    const audiences = createTestAudiences({ queue });
    const order: string[] = [];
    const rooms = ['crowded', 'other'].map((name) => {
      const { source, push } = createSource(100);
      const make: MakePayloads<unknown> = async (items) => {
        order.push(name);
        ms += 1;
        return items.map(() => Buffer.from('1'));
      };
      const follow = (key: string) => {
        const stream = createLiveStream(source, { position: 0, judge: () => null }, () => {});
        audiences.serve(stream, { key, client: 'ada', points: 20, make: () => make }, createSubscriber().sink);
      };
      return { push, follow };
    });
    const [crowded, other] = rooms;
    for (let n = 0; n < 20; n++) crowded?.follow(String(n));
    other?.follow('only');
    await settle();
    crowded?.push(1);
    for (let step = 0; step < 5; step++) await null;
    expect(order).toEqual(['crowded', 'crowded']);
    expect(audiences.waiting()).toBe(18);
    other?.push(1);
    setImmediate(() => order.push('event'));
    while (audiences.waiting() > 0) await settle();
    expect(order.filter((name) => name === 'crowded')).toHaveLength(20);
    expect(order.indexOf('other')).toBe(2);
    expect(order.indexOf('event')).toBeLessThan(7);
  });
});
