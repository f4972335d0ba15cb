import { describe, expect, test, vi } from 'vitest';
import { DatabaseUnavailableError } from '../../api/infra/database/database.ts';
import type { MakePayloads } from '../../api/live/audience.ts';
import { createAudiences } from '../../api/live/audiences.ts';
import type { Backlog, LiveSource, Positioned, Reader } from '../../api/live/live-source.ts';
import { createLiveStream } from '../../api/live/live-stream.ts';
import type { Outbox } from '../../api/live/outbox/outboxes.ts';
import { createFakeOutbox } from '../support/outbox.ts';

/** A source that holds the newest items, and reads those before. */
function createSource(held: number) {
  const items: Positioned[] = [];
  const listeners = new Set<() => void>();
  let failure: Error | undefined;
  const wake = () => {
    for (const listener of [...listeners]) listener();
  };
  const after = (position: number, most = Number.POSITIVE_INFINITY): Backlog<Positioned> => {
    const entries = items.filter((item) => item.position > position).slice(0, most);
    const through = entries.length < most ? items.length : (entries.at(-1)?.position ?? position);
    return { entries, through, more: through < items.length };
  };
  const source: LiveSource<Positioned> = {
    channelId: 'room',
    kind: 'entry',
    last: () => items.length,
    since(position, most) {
      if (failure) throw failure;
      return position < items.length - held ? null : after(position, most);
    },
    read: vi.fn(async (position, most) => after(position, most)),
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
      wake();
    },
    fail(error: Error) {
      failure = error;
      wake();
    },
  };
}

/** What a subscription got, as positions, and how it ended. */
function createSubscriber() {
  const got: number[] = [];
  const take = (frames: Buffer) => {
    for (const [, position] of String(frames).matchAll(/"payload":(\d+)/g)) got.push(Number(position));
  };
  const outbox = createFakeOutbox({ add: take, send: async (frames) => take(frames) });
  return { got, sink: { outbox, idJson: '"1"', viewer: { name: 'viewer' } } };
}

/** Where what a peer is sent stays until the test lets it go on. */
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
  return { outbox, sent, goOn: () => waiting.splice(0).map((resolve) => resolve()) };
}

function createWorld({ held = 1_000 } = {}) {
  const world = createSource(held);
  const counts = { executed: 0, delivered: 0 };
  const audiences = createAudiences({
    metrics: {
      executed(items) {
        counts.executed += items;
      },
      delivered(items) {
        counts.delivered += items;
      },
    },
  });
  const make = vi.fn<MakePayloads<unknown>>(async (items, viewer) =>
    (items as Positioned[]).map(({ position }) => Buffer.from(String(viewer ? position * 1_000 : position))),
  );
  const ended = vi.fn();

  function follow(reader: Partial<Reader<Positioned>> = {}, key = 'all', outbox?: Outbox) {
    const { got, sink: own } = createSubscriber();
    const sink = outbox ? { ...own, outbox } : own;
    const stream = createLiveStream(world.source, { position: 0, judge: () => null, ...reader }, ended);
    const iterator = audiences.serve(stream, { key, make: () => make }, sink);
    const end = iterator.next().then(
      () => 'done',
      (error: unknown) => error,
    );
    return { got, end, leave: () => iterator.return?.() };
  }

  return { ...world, audiences, counts, make, ended, follow };
}

const positions = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const settled = () => new Promise(setImmediate);

describe('an audience', () => {
  test('executes once for all who follow, however many they are', async () => {
    const { push, follow, counts, make } = createWorld();
    const followers = Array.from({ length: 200 }, () => follow());
    await settled();
    push(1);
    await settled();
    push(2);
    await settled();
    for (const { got } of followers) expect(got).toEqual([1, 2, 3]);
    expect(counts).toEqual({ executed: 3, delivered: 600 });
    expect(make).toHaveBeenCalledTimes(2);
  });

  test('is one a selection', async () => {
    const { push, follow, counts, audiences } = createWorld();
    const followers = [follow({}, 'a'), follow({}, 'b'), follow({}, 'b')];
    await settled();
    expect(audiences.size()).toBe(2);
    push(1);
    await settled();
    for (const { got } of followers) expect(got).toEqual([1]);
    expect(counts.executed).toBe(2);
  });

  test('gives whoever comes later all that came before, made once for all who come together', async () => {
    const { push, follow, counts } = createWorld();
    push(250);
    const followers = Array.from({ length: 50 }, () => follow({ position: 20 }));
    await vi.waitFor(() => expect(followers.at(-1)?.got).toHaveLength(230));
    push(1);
    await settled();
    for (const { got } of followers) expect(got).toEqual(positions(21, 251));
    expect(counts.executed).toBe(231);
  });

  test('makes an item for a reader alone who is not to get what all get, in its place', async () => {
    const { push, follow, counts, make } = createWorld();
    const alone = follow({
      judge: ({ position }) => (position % 3 === 0 ? 'alone' : position % 5 === 0 ? 'skip' : null),
    });
    const others = [follow(), follow()];
    await settled();
    for (let n = 0; n < 4; n++) {
      push(2);
      await settled();
    }
    push(2);
    await vi.waitFor(() => expect(alone.got).toEqual([1, 2, 3_000, 4, 6_000, 7, 8, 9_000]));
    for (const { got } of others) expect(got).toEqual(positions(1, 10));
    expect(make.mock.calls.filter(([, viewer]) => viewer).flatMap(([items]) => items)).toHaveLength(3);
    expect(counts.delivered).toBe(8 + 20);
  });

  test('reads what the source does not hold any more', async () => {
    const { push, follow, source } = createWorld({ held: 10 });
    push(50);
    const follower = follow({ position: 5 });
    await vi.waitFor(() => expect(follower.got).toEqual(positions(6, 50)));
    expect(source.read).toHaveBeenCalledWith(5, 25);
  });

  test('goes on without a gap for who joins while it executes', async () => {
    const { push, follow, make } = createWorld();
    const first = follow();
    await settled();
    let finish = () => {};
    make.mockImplementationOnce(async (items) => {
      await new Promise<void>((resolve) => (finish = resolve));
      return (items as Positioned[]).map(({ position }) => Buffer.from(String(position)));
    });
    push(1);
    await settled();
    const second = follow();
    const third = follow({ position: 1 });
    await settled();
    push(1);
    finish();
    await vi.waitFor(() => expect(first.got).toEqual([1, 2]));
    await vi.waitFor(() => expect(second.got).toEqual([1, 2]));
    expect(third.got).toEqual([2]);
  });

  test('keeps nothing from who stands below those who are ahead of its source', async () => {
    const { push, follow } = createWorld();
    push(5);
    const ahead = follow({ position: 8 });
    await settled();
    const level = follow({ position: 5 });
    await settled();
    push(3);
    await settled();
    push(1);
    await settled();
    expect(ahead.got).toEqual([9]);
    expect(level.got).toEqual([6, 7, 8, 9]);
  });

  test('leaves out for each what is not for that one', async () => {
    const { push, follow } = createWorld();
    const odd = follow({ judge: ({ position }) => (position % 2 === 0 ? 'skip' : null) });
    const all = follow();
    const late = follow({ position: 2 });
    await settled();
    push(5);
    await settled();
    expect(odd.got).toEqual([1, 3, 5]);
    expect(all.got).toEqual([1, 2, 3, 4, 5]);
    expect(late.got).toEqual([3, 4, 5]);
  });

  test.each(['live', 'in the backlog'])(
    'ends a subscription by what ends it, %s, after what came before',
    async (when) => {
      const { push, follow, ended } = createWorld();
      const error = new Error('removed');
      const isLive = when === 'live';
      if (!isLive) push(5);
      const removed = follow({ judge: ({ position }) => (position === 3 ? error : null) });
      const other = follow();
      await settled();
      if (isLive) push(5);
      expect(await removed.end).toBe(error);
      expect(removed.got).toEqual([1, 2]);
      await vi.waitFor(() => expect(other.got).toEqual([1, 2, 3, 4, 5]));
      expect(ended).toHaveBeenCalledOnce();
    },
  );

  test('waits while what it needs is away, and then goes on with everything', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const { push, follow, make } = createWorld();
    const follower = follow();
    await settled();
    make.mockResolvedValueOnce(null).mockResolvedValueOnce(null);
    push(2);
    await settled();
    expect(follower.got).toEqual([]);
    push(1);
    for (let n = 0; n < 2; n++) {
      await vi.advanceTimersByTimeAsync(500);
      await settled();
    }
    vi.useRealTimers();
    await vi.waitFor(() => expect(follower.got).toEqual([1, 2, 3]));
  });

  test('ends everybody with what ended its source', async () => {
    const { push, fail, follow, audiences, listeners } = createWorld();
    const followers = [follow(), follow(), follow({}, 'other')];
    await settled();
    push(1);
    await settled();
    const error = new Error('the feed was stopped');
    fail(error);
    for (const { end } of followers) expect(await end).toBe(error);
    expect([audiences.size(), listeners.size]).toEqual([0, 0]);
  });

  test('ends by what ended its source while a reader took the last of its backlog', async () => {
    const { push, fail, follow } = createWorld();
    const { outbox, goOn } = createSlowOutbox();
    push(1);
    const { end } = follow({}, 'all', outbox);
    await settled();
    const error = new Error('the feed began anew');
    fail(error);
    goOn();
    expect(await end).toBe(error);
  });

  test('waits while the database is away, and then goes on with the backlog', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const { push, follow, source } = createWorld({ held: 0 });
    push(30);
    for (let n = 0; n < 2; n++) vi.mocked(source.read).mockRejectedValueOnce(new DatabaseUnavailableError('away'));
    const follower = follow();
    for (let n = 0; n < 2; n++) {
      await settled();
      await vi.advanceTimersByTimeAsync(500);
    }
    vi.useRealTimers();
    await vi.waitFor(() => expect(follower.got).toEqual(positions(1, 30)));
    expect(source.read).toHaveBeenCalledTimes(4);
  });

  test('tells a page of what is held here from one of the database, where changes have gone that were overtaken', async () => {
    const { push, follow, source } = createWorld({ held: 5 });
    push(15);
    const changed = (list: number[]) => list.map((position) => ({ position }));
    const entries = changed([11, 13, 14, 15]);
    vi.mocked(source.read).mockResolvedValueOnce({ entries, through: 15, more: false });
    const late = follow({ position: 9 });
    await settled();
    const early = follow({ position: 10, judge: ({ position }) => (position === 13 ? 'skip' : null) });
    await settled();
    expect(late.got).toEqual([11, 13, 14, 15]);
    expect(early.got).toEqual([11, 12, 14, 15]);
  });

  test('makes less at a time where much comes of it, and gives a socket one portion at a time, whatever waits there', async () => {
    const { push, follow, make } = createWorld();
    const size = 20_000;
    make.mockImplementation(async (items) => items.map(() => Buffer.alloc(size, '1')));
    push(200);
    const { outbox, sent, goOn } = createSlowOutbox();
    const followers = Array.from({ length: 5 }, () => follow({}, 'all', outbox));
    await settled();
    expect(sent).toHaveLength(1);
    expect(make).toHaveBeenCalledOnce();
    while (make.mock.calls.length < 10) {
      goOn();
      await settled();
    }
    for (const { length } of sent) expect(length).toBeLessThan(65_536 + 1_000);
    expect(make.mock.calls.slice(1).every(([items]) => items.length * size <= 262_144)).toBe(true);
    for (const { leave } of followers) await leave();
    goOn();
  });

  test('is gone with the last who leaves, and makes nothing for nobody', async () => {
    const { push, follow, audiences, listeners, counts, ended } = createWorld();
    const followers = [follow(), follow()];
    await settled();
    for (const { leave, end } of followers) {
      await leave();
      expect(await end).toBe('done');
    }
    push(3);
    await settled();
    expect([audiences.size(), listeners.size, counts.executed]).toEqual([0, 0, 0]);
    expect(ended).toHaveBeenCalledTimes(2);
  });
});
