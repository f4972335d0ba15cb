import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createProgress } from '../../api/live/progress.ts';

/** Returns a progress whose clock the test sets. */
function createTimed(options: { maxSteps?: number } = {}) {
  let time = 0;
  const progress = createProgress({ settleMs: 30, stepMs: 5, now: () => time, ...options });
  return {
    progress,
    /** Sets the clock, and moves the offsets forward. */
    at(ms: number) {
      time = ms;
      progress.advance();
      return progress;
    },
  };
}

describe('the progress of live streams', () => {
  test('follows an offset once later signals can no longer tell of one below it', () => {
    const { at, progress } = createTimed();
    progress.start([4, 2]);
    at(100).heard(0, 9);
    expect(at(129).offsets()).toEqual([4, 2]);
    expect(at(135).offsets()).toEqual([9, 2]);
  });

  test('does not pass a change that is not delivered', () => {
    const { at } = createTimed();
    const early = at(0).hold();
    expect(at(8).settledAt()).toBe(-30);
    at(10).heard(0, 5);
    const late = at(50).hold();
    at(50).heard(0, 6);
    expect(at(100).offsets()).toEqual([]);
    early();
    expect(at(200).offsets()).toEqual([5]);
    late();
    late();
    expect(at(300).offsets()).toEqual([6]);
    expect(at(300).held()).toBe(0);
  });

  test('changes its revision with the offsets alone, and at most once a step', () => {
    const { at, progress } = createTimed();
    progress.start([1]);
    const before = progress.revision();
    at(0).heard(0, 2);
    at(8).heard(0, 3);
    expect(at(31).revision()).toBe(before + 1);
    const offsets = progress.offsets();
    expect(at(32).offsets()).toBe(offsets);
    at(50);
    expect(progress.offsets()).toEqual([3]);
    expect(offsets).toEqual([2]);
    expect(at(60).revision()).toBe(before + 2);
  });

  test('moves back with a restored database, and forgets the offsets heard before', () => {
    const { at, progress } = createTimed();
    progress.start([7, 7]);
    at(0).heard(1, 9);
    progress.limit([8, 3, 5]);
    expect(progress.offsets()).toEqual([7, 3, 0]);
    expect(at(100).offsets()).toEqual([7, 3, 0]);
    progress.start([0, 0, 0, 0]);
    expect(progress.offsets()).toEqual([7, 3, 0, 0]);
  });

  test('keeps a bounded number of steps while something is held, and gets on afterwards', () => {
    const { at } = createTimed({ maxSteps: 4 });
    const release = at(0).hold();
    for (let time = 0; time < 1_000; time += 10) at(time).heard(0, time);
    expect(at(1_000).offsets()).toEqual([]);
    release();
    expect(at(1_030).offsets()).toEqual([990]);
  });

  /** A change, with the times that pass before its signal arrives, and before it is delivered. */
  const change = fc.record({
    partition: fc.nat(2),
    pause: fc.nat(20),
    delay: fc.nat(29),
    work: fc.option(fc.nat(100), { nil: null, freq: 4 }),
    isFailed: fc.boolean(),
    copies: fc.integer({ min: 1, max: 2 }),
  });

  test('never leads, nor lags for ever, in any order of signals and deliveries', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (changes, maxSteps) => {
        const { at } = createTimed({ maxSteps });
        const { steps, undelivered, last } = scheduleOf(changes);
        let time = 0;
        for (const step of steps.sort((a, b) => a.at - b.at)) {
          for (; time < step.at; time++) expectBehind(at(time).offsets(), undelivered);
          step.run(at(time));
          expectBehind(at(time).offsets(), undelivered);
        }
        for (let rest = 0; rest < 100; rest++) expectBehind(at(time + rest).offsets(), undelivered);
        if (undelivered.size > 0) return;
        for (const [partition, next] of last) expect(at(time + 100).offsets()[partition]).toBe(next);
      }),
    );
  });

  interface Step {
    at: number;
    run(progress: ReturnType<typeof createProgress>): void;
  }

  /** Publishes changes in the order of their partitions; a signal that failed holds back the offsets of later ones. */
  function scheduleOf(changes: readonly (typeof change extends fc.Arbitrary<infer C> ? C : never)[]) {
    const undelivered = new Set<{ partition: number; offset: number }>();
    const steps: Step[] = [];
    const last = new Map<number, number>();
    const failed: { partition: number; offset: number; until: number }[] = [];
    let published = 0;
    for (const [offset, { partition, pause, delay, work, isFailed, copies }] of changes.entries()) {
      published += pause;
      const one = { partition, offset };
      undelivered.add(one);
      // A failed signal is repeated later; until then signals of the partition name offsets below it.
      const sent = isFailed ? published + 60 : published;
      if (isFailed) failed.push({ ...one, until: sent });
      const waiting = failed.filter((other) => other.partition === partition && other.until > sent);
      const through = Math.min(offset, ...waiting.map((other) => other.offset - 1));
      const arrived = sent + delay;
      let release = () => {};
      steps.push({
        at: arrived,
        run(progress) {
          release = progress.hold();
          progress.heard(partition, through + 1);
        },
      });
      if (copies > 1) steps.push({ at: arrived + 40, run: (progress) => progress.heard(partition, through + 1) });
      if (work !== null)
        steps.push({
          at: arrived + work,
          run() {
            undelivered.delete(one);
            release();
          },
        });
      last.set(partition, Math.max(last.get(partition) ?? 0, through + 1));
    }
    return { steps, undelivered, last };
  }

  function expectBehind(
    offsets: readonly number[],
    undelivered: Iterable<{ partition: number; offset: number }>,
  ): void {
    for (const { partition, offset } of undelivered) expect(offsets[partition] ?? 0).toBeLessThanOrEqual(offset);
  }
});
