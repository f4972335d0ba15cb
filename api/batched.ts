import DataLoader from 'dataloader';
import { ignore } from './ignore.ts';

/**
 * Batches look-ups: one call of `load` runs at a time, and keys requested while it runs are loaded together by the next.
 * Nothing is cached.
 * @param load returns a value for each key, in the same order; it gets at most 1,000 keys
 * @returns loads the value of one key
 */
export function batched<Key, Value>(
  load: (keys: readonly Key[]) => Promise<(Value | Error)[]>,
): (key: Key) => Promise<Value> {
  let before: Promise<unknown> = Promise.resolve();
  // Runs after all promises that are settled by now, and before any timer or I/O.
  const batchScheduleFn = (run: () => void) => void before.then(() => process.nextTick(run));
  const loader = new DataLoader<Key, Value>(
    (keys) => {
      const loading = load(keys);
      // A large batch is loaded in several calls at once: the next batch waits for all of them.
      before = Promise.all([before, loading.catch(ignore)]).then(ignore);
      return loading;
    },
    { cache: false, maxBatchSize: 1_000, batchScheduleFn },
  );
  return (key) => loader.load(key);
}
