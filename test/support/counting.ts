import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { expect, vi } from 'vitest';

/** Number of times that some work is repeated to count its statements. */
const repeats = 5;

/** Time without a statement of the server's own after which counting begins, in milliseconds. */
const quietMs = 100;

/** Counts the statements of every database of this process from now on. A transaction counts as one. */
export function countStatements() {
  const { connect } = pg.Pool.prototype;
  let count = 0;
  vi.spyOn(pg.Pool.prototype, 'connect').mockImplementation(function (this: pg.Pool, ...given) {
    count++;
    return Reflect.apply(connect, this, given);
  });

  async function quiet(): Promise<void> {
    count = 0;
    await setTimeout(quietMs);
    expect(count).toBe(0);
  }

  return {
    /**
     * Returns the number of statements of some repeatable work: the minimum over several runs, because background work of
     * the server only adds statements. It begins when the server has none of its own left to do at once.
     */
    async taken(work: () => Promise<unknown>): Promise<number> {
      await vi.waitFor(quiet, { timeout: 10_000, interval: 1 });
      const counts: number[] = [];
      for (let n = 0; n < repeats; n++) {
        count = 0;
        await work();
        counts.push(count);
      }
      return Math.min(...counts);
    },
  };
}
