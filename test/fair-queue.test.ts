import { expect, it } from 'vitest';
import { createFairQueue } from '../api/fair-queue.ts';

/** Creates a queue of one work at a time. Its slot is taken by a work of `flood` until `open` is called. */
function createWorld(bounds: { maxWaiting: number; maxWaitingOfKey: number }) {
  const queue = createFairQueue({ concurrency: 1, ...bounds, onFull: () => new Error('full') });
  const started: string[] = [];
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const first = queue.run('flood', () => gate);
  const add = (key: string, name: string) => queue.run(key, async () => started.push(name));
  return { queue, started, add, open, first };
}

it('keys with waiting works take turns, however many works each has', async () => {
  const { queue, started, add, open, first } = createWorld({ maxWaiting: 100, maxWaitingOfKey: 10 });
  const works = ['flood 1', 'flood 2', 'flood 3'].map((name) => add('flood', name));
  works.push(add('ada', 'ada 1'), add('ada', 'ada 2'), add('bob', 'bob 1'));
  expect(queue.size()).toBe(6);
  open();
  await Promise.all([first, ...works]);
  expect(started).toEqual(['flood 1', 'ada 1', 'bob 1', 'flood 2', 'ada 2', 'flood 3']);
  expect(queue.size()).toBe(0);
});

it('one key cannot fill the queue for others', async () => {
  const { queue, started, add, open, first } = createWorld({ maxWaiting: 4, maxWaitingOfKey: 2 });
  const works = [add('flood', 'flood 1'), add('flood', 'flood 2')];
  await expect(add('flood', 'refused')).rejects.toThrow('full');
  works.push(add('ada', 'ada 1'), add('ada', 'ada 2'));
  expect(queue.size()).toBe(4);
  await expect(add('bob', 'refused')).rejects.toThrow('full');
  open();
  await Promise.all([first, ...works]);
  expect(started).not.toContain('refused');
});

it('a work that fails passes its slot on', async () => {
  const { add, started, open, first, queue } = createWorld({ maxWaiting: 4, maxWaitingOfKey: 2 });
  const failed = expect(queue.run('ada', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  const next = add('ada', 'ada 2');
  open();
  await Promise.all([first, failed, next]);
  expect(started).toEqual(['ada 2']);
});

it('a key runs no more works at once than it may, and leaves free slots to others', async () => {
  const bounds = { concurrency: 3, concurrencyOfKey: 1, maxWaiting: 100, maxWaitingOfKey: 10 };
  const queue = createFairQueue({ ...bounds, onFull: () => new Error('full') });
  const started: string[] = [];
  let open = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const run = (key: string, name: string) =>
    queue.run(key, async () => {
      started.push(name);
      await gate;
    });
  const works = [run('flood', 'flood 1'), run('flood', 'flood 2'), run('ada', 'ada 1'), run('flood', 'flood 3')];
  await Promise.resolve();
  expect(started).toEqual(['flood 1', 'ada 1']);
  open();
  await Promise.all(works);
  expect(started).toEqual(['flood 1', 'ada 1', 'flood 2', 'flood 3']);
});

it('a work that waits for too long is refused, and takes no slot', async () => {
  const bounds = { concurrency: 1, maxWaiting: 100, maxWaitingOfKey: 10, maxWaitMs: 1 };
  const queue = createFairQueue({ ...bounds, onFull: () => new Error('full') });
  let open = () => {};
  const first = queue.run(
    'flood',
    () =>
      new Promise<void>((resolve) => {
        open = resolve;
      }),
  );
  let hasBegun = false;
  const late = queue.run('ada', () => {
    hasBegun = true;
  });
  await expect(late).rejects.toThrow('full');
  expect(queue.size()).toBe(0);
  open();
  await first;
  expect(await queue.run('ada', () => 'next')).toBe('next');
  expect(hasBegun).toBe(false);
});
