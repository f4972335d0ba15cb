import { beforeEach, describe, expect, test, vi } from 'vitest';
import { createProgress, type Progress } from '../../api/live/progress.ts';
import { type CursorState, createStreamCursors, type StreamCursors } from '../../api/live/stream-cursors.ts';

describe('the cursors of live streams', () => {
  let time = 0;
  let progress: Progress;
  let cursors: StreamCursors;
  const encode = vi.fn(({ next, time: own }: CursorState) => `${next}@${own / 1_000}`);

  beforeEach(() => {
    time = 0;
    encode.mockClear();
    progress = createProgress({ settleMs: 0, stepMs: 0, now: () => time });
    cursors = createStreamCursors({ progress, encode });
    progress.start([5, 5]);
    cursors.advance(100_000);
  });

  function hear(partition: number, next: number, seconds = 100) {
    progress.heard(partition, next);
    time++;
    cursors.advance(seconds * 1_000);
  }

  function open(next: readonly number[], seconds: number) {
    const cursor = cursors.open();
    cursor.resume('first', { next, time: seconds * 1_000 });
    return cursor;
  }

  test('share one text, which is made once in a step', () => {
    const streams = Array.from({ length: 5 }, () => open([5, 5], 100));
    for (const stream of streams) stream.thaw();
    hear(0, 6);
    expect(streams.map((stream) => stream.text())).toEqual(Array(5).fill('6,5@100'));
    hear(0, 6, 104);
    expect(streams.map((stream) => stream.text())).toEqual(Array(5).fill('6,5@100'));
    hear(0, 6, 105);
    expect(streams.map((stream) => stream.text())).toEqual(Array(5).fill('6,5@105'));
    expect(encode).toHaveBeenCalledTimes(2);
  });

  test('stay at the state from which a stream resumed, until the others are there', () => {
    const stream = open([5, 9, 3], 120);
    stream.thaw();
    hear(0, 8);
    expect(stream.text()).toBe('8,9,3@120');
    encode.mockClear();
    expect(stream.text()).toBe('8,9,3@120');
    expect(encode).not.toHaveBeenCalled();
    hear(1, 10, 110);
    expect(stream.text()).toBe('8,10,3@120');
    hear(2, 4, 130);
    expect(stream.text()).toBe('8,10,4@130');
    hear(2, 5, 130);
    const other = open([], 0);
    other.thaw();
    expect([other.text(), stream.text()]).toEqual(['8,10,5@130', '8,10,5@130']);
  });

  test('are frozen until a stream has resumed, and while it is behind', () => {
    const stream = open([5, 5], 100);
    hear(0, 7);
    expect([stream.text(), stream.isFrozen()]).toEqual(['first', true]);
    stream.resume('second', { next: [6, 5], time: 100_000 });
    stream.freeze();
    stream.thaw();
    expect(stream.text()).toBe('second');
    stream.thaw();
    expect([stream.text(), stream.isFrozen()]).toEqual(['7,5@100', false]);
    stream.freeze();
    hear(0, 8);
    stream.freeze();
    stream.thaw();
    expect(stream.text()).toBe('7,5@100');
    stream.thaw();
    expect(stream.text()).toBe('8,5@100');
  });

  test('know how long nothing was sent', () => {
    const stream = open([], 0);
    for (let n = 0; n < 3; n++) cursors.advance(100_000);
    expect(stream.idleSteps()).toBe(3);
    stream.text();
    expect(stream.idleSteps()).toBe(0);
  });
});
