import { beforeEach, expect, test, vi } from 'vitest';
import {
  type AwakeChannel,
  type ChannelFollower,
  createAwakeChannel,
} from '../../../api/domain/updates/awake-channel.ts';
import type { AcquiredFeed } from '../../../api/live/feeds.ts';
import { createProgress } from '../../../api/live/progress.ts';
import { signalOf } from '../../support/signals.ts';

/** A stream, with its place in the channel as its audience would tell it. */
interface Stream extends ChannelFollower {
  position: number;
  isBehind: boolean;
  attached: number[];
  left: number;
  detached: Error[];
  /** Ends the stream's part, as its audience does. */
  end(error?: Error): void;
  frozen: number;
}

let time: number;
let last: number;
let hasFailed: boolean;
let released: number;
let progress: ReturnType<typeof createProgress>;
let opened: () => AcquiredFeed | Promise<AcquiredFeed>;
const accept = vi.fn();
const raise = vi.fn();
const onError = vi.fn();

beforeEach(() => {
  time = 0;
  last = 5;
  hasFailed = false;
  released = 0;
  vi.clearAllMocks();
  progress = createProgress({ settleMs: 1, stepMs: 0, now: () => time });
  const feed = { last: () => last, failed: () => hasFailed, accept, raise };
  opened = () => ({ feed, release: () => void released++ }) as unknown as AcquiredFeed;
});

function open(): AwakeChannel {
  const feeds = { openFrom: vi.fn(() => opened()) };
  return createAwakeChannel({
    channelId: 'room',
    position: 5,
    feeds,
    progress,
    onError,
    idleMs: 100,
    now: () => time,
  });
}

function createStream(): Stream {
  const stream: Stream = {
    position: 5,
    isBehind: false,
    attached: [],
    left: 0,
    detached: [],
    frozen: 0,
    end: () => {},
    cursor: {
      freeze: () => void stream.frozen++,
      thaw: () => void stream.frozen--,
    } as unknown as ChannelFollower['cursor'],
    attach(_feed, reader, onEnd) {
      stream.attached.push(reader.position);
      stream.end = onEnd;
      const leave = () => {
        stream.left++;
        onEnd();
      };
      return { leave, isBehind: () => stream.isBehind, position: () => stream.position };
    },
    onDetached: (_channelId, error) => void stream.detached.push(error),
  };
  return stream;
}

const readerAt = (position: number) => ({ position, judge: () => null });
const signalAt = (position: number) => signalOf('room', [{ position } as never]);

test('holds the progress until every stream has the newest position that was heard of', () => {
  const awake = open();
  const [ada, bob] = [createStream(), createStream()];
  for (const stream of [ada, bob]) awake.join(stream, readerAt(5));
  awake.open();
  awake.accept(signalAt(6), 6);
  expect([awake.isSettled(), progress.held(), accept.mock.calls.length]).toEqual([false, 1, 1]);
  last = 6;
  ada.position = 6;
  awake.sweep();
  expect(progress.held()).toBe(1);
  bob.position = 6;
  awake.sweep();
  expect([awake.isSettled(), progress.held()]).toEqual([true, 0]);
});

test('holds the progress even if the feed had the entries before', () => {
  const awake = open();
  awake.join(createStream(), readerAt(5));
  awake.open();
  last = 6;
  awake.accept(signalAt(6), 6);
  awake.sweep();
  expect(progress.held()).toBe(1);
});

test('lets the progress get on while there is always something that is not delivered', () => {
  const awake = open();
  const ada = createStream();
  awake.join(ada, readerAt(5));
  awake.open();
  for (let position = 6; position < 20; position++) {
    time = position;
    awake.accept(signalAt(position), position);
    progress.heard(0, position + 1);
    last = position;
    ada.position = position - 1;
    awake.sweep();
    progress.advance();
    expect(progress.held()).toBeLessThanOrEqual(2);
    expect(progress.offsets()[0] ?? 0).toBeLessThanOrEqual(position);
  }
  expect(progress.offsets()[0]).toBeGreaterThan(15);
});

test('opens at the position that its streams have, and lets them join before it takes entries', () => {
  const awake = open();
  const ada = createStream();
  awake.join(ada, readerAt(5));
  expect([ada.attached, ada.frozen]).toEqual([[], 1]);
  awake.open();
  expect([ada.attached, ada.frozen, accept.mock.calls.length]).toEqual([[5], 0, 0]);
  awake.join(ada, readerAt(2));
  expect(ada.attached).toEqual([5]);
});

test('keeps the cursors of streams that wait for a feed which starts, and tries again after an error', async () => {
  const feed = opened();
  opened = () => Promise.reject(new Error('away'));
  const awake = open();
  const [ada, bob] = [createStream(), createStream()];
  awake.join(ada, readerAt(5));
  awake.join(bob, readerAt(5));
  awake.open();
  awake.accept(signalAt(6), 6);
  await new Promise(setImmediate);
  expect([ada.frozen, onError.mock.calls.length]).toEqual([1, 1]);
  awake.leave(bob);
  expect(bob.frozen).toBe(0);
  opened = () => Promise.resolve(feed);
  expect(awake.sweep()).toBe('busy');
  await new Promise(setImmediate);
  expect([ada.attached, ada.frozen, bob.attached, raise.mock.calls]).toEqual([[5], 0, [], [[6]]]);
  expect(progress.held()).toBe(1);
});

test('asks the feed for a position that a stream read from the database before any signal', () => {
  const awake = open();
  awake.open();
  raise.mockClear();
  const ada = createStream();
  awake.join(ada, readerAt(8));
  expect([raise.mock.calls, progress.held()]).toEqual([[[8]], 1]);
});

test('is idle after a while without signals, but not while a stream is behind', () => {
  const awake = open();
  const ada = createStream();
  awake.join(ada, readerAt(5));
  awake.open();
  time = 99;
  expect(awake.sweep()).toBe('busy');
  time = 100;
  ada.isBehind = true;
  expect(awake.sweep()).toBe('busy');
  ada.isBehind = false;
  expect([awake.sweep(), awake.position()]).toEqual(['idle', 5]);
  awake.close();
  expect([ada.left, released, progress.held()]).toEqual([1, 1, 0]);
});

test('gives everything back when it closes, also while it opens', async () => {
  const feed = opened();
  opened = () => Promise.resolve(feed);
  const awake = open();
  const ada = createStream();
  awake.join(ada, readerAt(5));
  awake.open();
  awake.accept(signalAt(6), 6);
  awake.close();
  await new Promise(setImmediate);
  expect([ada.attached, ada.frozen, released, progress.held()]).toEqual([[], 0, 1, 0]);
});

test('tells streams of the error that ended their part, and that the feed has failed', () => {
  const awake = open();
  const ada = createStream();
  awake.join(ada, readerAt(5));
  awake.open();
  ada.end(new Error('no longer a member'));
  expect(ada.detached).toEqual([new Error('no longer a member')]);
  hasFailed = true;
  expect(awake.sweep()).toBe('failed');
});
