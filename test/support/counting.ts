import pg from 'pg';
import { vi } from 'vitest';

/** Number of times that some work is repeated to count its statements. */
const repeats = 5;

/** Counts the statements of every database of this process from now on. A transaction counts as one. */
export function countStatements() {
  const { connect } = pg.Pool.prototype;
  let count = 0;
  vi.spyOn(pg.Pool.prototype, 'connect').mockImplementation(function (this: pg.Pool, ...given) {
    count++;
    return Reflect.apply(connect, this, given);
  });

  return {
    /**
     * Returns the number of statements of some repeatable work: the minimum over several runs, because background work of
     * the server only adds statements.
     */
    async taken(work: () => Promise<unknown>): Promise<number> {
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
