import { expect, it } from 'vitest';
import { createExecutionQueue } from '../../api/live/execution-queue.ts';

const settle = () => new Promise(setImmediate);

/** Creates a queue over a clock that moves with each execution, and records the order in which these start. */
function setUp({ concurrency = 50 } = {}) {
  let ms = 0;
  const queue = createExecutionQueue({ sliceMs: 2, concurrency, now: () => ms });
  const started: string[] = [];
  const execute = (name: string) => async () => {
    started.push(name);
    ms += 1;
  };
  return { queue, started, execute };
}

it('starts executions at once until their lane has used its part of the turn', async () => {
  const { queue, started, execute } = setUp();
  const lanes = [queue.createLane(() => {}), queue.createLane(() => {})];
  for (const [n, lane] of lanes.entries()) for (let m = 0; m < 3; m++) void lane.run(execute(`${n}.${m}`));
  expect(started).toEqual(['0.0', '0.1', '1.0', '1.1']);
  expect(queue.size()).toBe(2);
  await settle();
  expect(started.slice(4)).toEqual(['0.2', '1.2']);
});

it('gives lanes that wait one execution each in turn, and a part of each turn of the event loop', async () => {
  const { queue, started, execute } = setUp();
  const [crowded, other] = [queue.createLane(() => {}), queue.createLane(() => {})];
  for (let n = 0; n < 8; n++) void crowded.run(execute('crowded'));
  for (let n = 0; n < 3; n++) void other.run(execute('other'));
  started.length = 0;
  await settle();
  expect(started).toEqual(['crowded', 'other']);
  await settle();
  expect(started.slice(2)).toEqual(['crowded', 'crowded']);
});

it('runs a bounded number of executions of a lane at once, and passes their results and errors on', async () => {
  const { queue } = setUp({ concurrency: 2 });
  let idle = 0;
  const lane = queue.createLane(() => idle++);
  const finish: (() => void)[] = [];
  const slow = () => lane.run(() => new Promise<string>((resolve) => finish.push(() => resolve('slow'))));
  const results = [slow(), slow(), slow()];
  const failing = lane.run(() => Promise.reject(new Error('broken')));
  await settle();
  expect(finish).toHaveLength(2);
  finish[0]?.();
  await settle();
  await settle();
  expect(finish).toHaveLength(3);
  expect(idle).toBe(0);
  for (const resolve of finish) resolve();
  expect(await Promise.all(results)).toEqual(['slow', 'slow', 'slow']);
  await expect(failing).rejects.toThrow('broken');
  await settle();
  expect([idle, queue.size()]).toEqual([1, 0]);
});
