import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLatency } from '../../api/ephemeral/latency.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function follow(delayMs: () => number) {
  const { stream, hurry } = createLatency(delayMs);
  const received: string[] = [];
  stream.on('data', (chunk: Buffer) => received.push(String(chunk)));
  stream.on('end', () => received.push('end'));
  return { stream, hurry, received };
}

it('passes chunks on at once without a delay', async () => {
  const { stream, received } = follow(() => 0);
  stream.end('a');
  await vi.advanceTimersByTimeAsync(0);
  expect(received).toEqual(['a', 'end']);
});

it('delays each chunk by as much, and keeps the order when the delay shrinks', async () => {
  let ms = 100;
  const { stream, received } = follow(() => ms);
  stream.write('a');
  await vi.advanceTimersByTimeAsync(60);
  stream.write('b');
  ms = 0;
  stream.end('c');
  await vi.advanceTimersByTimeAsync(39);
  expect(received).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(received).toEqual(['a']);
  await vi.advanceTimersByTimeAsync(60);
  expect(received).toEqual(['a', 'b', 'c', 'end']);
});

it('passes waiting chunks on at once when asked', async () => {
  let ms = 60_000;
  const { stream, hurry, received } = follow(() => ms);
  stream.write('a');
  stream.write('b');
  ms = 0;
  stream.end('c');
  hurry();
  await vi.advanceTimersByTimeAsync(0);
  expect(received).toEqual(['a', 'b', 'c', 'end']);
  hurry();
});

it('stops reading while too much waits', async () => {
  const { stream, received } = follow(() => 100);
  const chunk = Buffer.alloc(524_288, 'x');
  const taken: number[] = [];
  for (let n = 0; n < 6; n++) stream.write(chunk, () => taken.push(n));
  await vi.advanceTimersByTimeAsync(99);
  expect(taken).toEqual([0]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(taken).toEqual([0, 1, 2, 3, 4, 5]);
  expect(received).toHaveLength(6);
});

it('loses nothing of a stream whose last chunk is the one above the bound', async () => {
  let ms = 60_000;
  const { stream, hurry, received } = follow(() => ms);
  stream.write(Buffer.alloc(1_048_575, 'x'));
  stream.end('z');
  ms = 0;
  hurry();
  await vi.advanceTimersByTimeAsync(0);
  expect(received.map((text) => text.at(-1))).toEqual(['x', 'z', 'd']);
});
