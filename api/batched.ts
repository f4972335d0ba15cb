import DataLoader from 'dataloader';
import { ignore } from './ignore.ts';

/**
 * Returns a function that loads one value at a time by batches, one batch after another. Keys that are requested at the same
 * moment, or while a batch is loading, form the next batch. Nothing is cached.
 * @param load returns the value of each key, in their order; it receives at most 1,000 keys
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
