import { expect, test } from 'vitest';
import { createClientTurns } from '../../api/gateway/graphql/client-turns.ts';
import { createExecutionQueue } from '../../api/live/execution-queue.ts';

/** Turns of clients on a clock on which each work takes 10 ms, and the works that have ended, in order. */
function setUp() {
  let nowMs = 0;
  const ended: string[] = [];
  const inTurnOf = createClientTurns(createExecutionQueue({ sliceMs: 1, now: () => nowMs }));
  const work = (client: string, name: string) =>
    inTurnOf(client, () => {
      nowMs += 10;
      ended.push(name);
    });
  return { ended, inTurnOf, work };
}

test('many operations that a client sends at once give way to other events and to other clients, and keep their order', async () => {
  const { ended, work } = setUp();
  const many = Array.from({ length: 5 }, (_, n) => work('crowd', `crowd ${n}`));
  const other = work('ada', 'ada');
  setImmediate(() => ended.push('another event'));
  await Promise.all([...many, other]);
  expect(ended.indexOf('ada')).toBe(1);
  expect(ended.indexOf('another event')).toBeLessThan(ended.indexOf('crowd 2'));
  expect(ended.filter((name) => name.startsWith('crowd'))).toEqual([0, 1, 2, 3, 4].map((n) => `crowd ${n}`));
});

test('operations that follow in the same turn of the event loop get no further slice, although the ones before have ended', async () => {
  const { ended, work } = setUp();
  await work('crowd', 'crowd 0');
  const others = [work('crowd', 'crowd 1'), work('crowd', 'crowd 2')];
  setImmediate(() => ended.push('another event'));
  await Promise.all(others);
  expect(ended.indexOf('another event')).toBeLessThan(ended.indexOf('crowd 2'));
});

test('an error of one work is its own', async () => {
  const { inTurnOf } = setUp();
  const failing = inTurnOf('ada', () => {
    throw new Error('syntax');
  });
  await expect(failing).rejects.toThrow('syntax');
  expect(await inTurnOf('ada', () => 1)).toBe(1);
});
