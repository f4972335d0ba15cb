import { expect, it } from 'vitest';
import { createExecutionQueue } from '../../api/live/execution-queue.ts';
import { createExecutionRounds, type ExecutionRound } from '../../api/live/execution-rounds.ts';

/** Rounds of a source whose executions end when the test calls `finish`. */
function setUp() {
  let ms = 0;
  let last = 5;
  let version = 0;
  const source = { channelId: 'room', last: () => last, version: () => version };
  const run = createExecutionRounds(source, createExecutionQueue({ now: () => 0 }), { now: () => ms });
  const finish: (() => void)[] = [];
  const enter = (through: number): ExecutionRound => {
    let entered: ExecutionRound | undefined;
    void run(through, (round) => {
      entered = round;
      return new Promise<void>((resolve) => finish.push(resolve));
    });
    if (entered === undefined) throw new Error('it did not start at once');
    return entered;
  };
  const end = async () => {
    for (const resolve of finish.splice(0)) resolve();
    await new Promise(setImmediate);
  };
  const pass = (more: number) => {
    ms += more;
  };
  return { enter, end, pass, grow: () => void last++, replace: () => void version++ };
}

it('is shared by executions of items that existed when it began', () => {
  const { enter, grow } = setUp();
  const first = enter(5);
  expect(enter(3)).toBe(first);
  grow();
  const second = enter(6);
  expect(second).not.toBe(first);
  expect(enter(5)).toBe(second);
});

it('ends when an item is replaced, whose state before its rows may hold', () => {
  const { enter, replace } = setUp();
  const first = enter(5);
  replace();
  const second = enter(5);
  expect(second).not.toBe(first);
  expect(enter(5)).toBe(second);
});

it('ends with its executions, after a second, and when one of them failed', async () => {
  const { enter, end, pass } = setUp();
  const rounds = [enter(5)];
  await end();
  rounds.push(enter(5));
  pass(1_000);
  rounds.push(enter(5));
  for (const round of rounds.slice(2)) round.hasFailed = true;
  rounds.push(enter(5));
  expect(new Set(rounds).size).toBe(4);
});
