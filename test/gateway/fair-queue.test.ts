import { expect, test } from 'vitest';
import { createFairQueue } from '../../api/gateway/graphql/fair-queue.ts';
import { gate } from '../support/contested-row.ts';

test("another client's work runs before the queue of the first is drained, and a failure lets the next run", async () => {
  const queue = createFairQueue(1);
  const ended: string[] = [];
  const first = gate();
  const work = (name: string) => async () => {
    if (name === 'ada 0') await first.passed;
    ended.push(name);
    if (name === 'ada 1') throw new Error('failed');
  };
  const ada = Array.from({ length: 4 }, (_, n) => queue.run('ada', work(`ada ${n}`)));
  const bob = queue.run('bob', work('bob'));
  first.pass();
  await Promise.allSettled([...ada, bob]);
  expect(ended).toEqual(['ada 0', 'ada 1', 'bob', 'ada 2', 'ada 3']);
});

test('work of one client that waits is bounded, and that of others is not refused', async () => {
  const queue = createFairQueue(1);
  const first = gate();
  const all = Array.from({ length: 101 }, () => queue.run('ada', () => first.passed));
  await expect(queue.run('ada', () => {})).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  const bob = queue.run('bob', () => {});
  first.pass();
  await Promise.all([...all, bob]);
});
