import { PGlite } from '@electric-sql/pglite';
import { vi } from 'vitest';

/** How often the same is asked to find out how many statements it takes. */
const repeats = 5;

/** Counts what every embedded database of this process is asked from now on; a transaction is one. */
export function countStatements() {
  const { query, transaction } = PGlite.prototype;
  let asked = 0;
  vi.spyOn(PGlite.prototype, 'query').mockImplementation(function (this: PGlite, ...given) {
    asked++;
    return query.apply(this, given) as never;
  });
  vi.spyOn(PGlite.prototype, 'transaction').mockImplementation(function (this: PGlite, work) {
    asked++;
    return transaction.call(this, work) as never;
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
