import pg from 'pg';
import { vi } from 'vitest';

/** How often the same is asked to find out how many statements it takes. */
const repeats = 5;

/** Counts what every database of this process is asked from now on; a transaction is one. */
export function countStatements() {
  const { connect } = pg.Pool.prototype;
  let asked = 0;
  vi.spyOn(pg.Pool.prototype, 'connect').mockImplementation(function (this: pg.Pool, ...given) {
    asked++;
    return Reflect.apply(connect, this, given);
  });

  return {
    /**
     * How many statements something takes that can be repeated: the fewest of several times, since what the server looks
     * up for itself meanwhile only adds to them.
     */
    async taken(work: () => Promise<unknown>): Promise<number> {
      const counts: number[] = [];
      for (let n = 0; n < repeats; n++) {
        asked = 0;
        await work();
        counts.push(asked);
      }
      return Math.min(...counts);
    },
  };
}
