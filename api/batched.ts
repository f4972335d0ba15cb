import DataLoader from 'dataloader';

/**
 * Batches look-ups: one call of `load` runs at a time, and keys requested while it runs are loaded together by the next.
 * Nothing is cached.
 * @param load returns a value for each key, in the same order; it gets at most 1,000 keys
 * @returns loads the value of one key
 */
export function batched<Key, Value>(
  load: (keys: readonly Key[]) => Promise<(Value | Error)[]>,
): (key: Key) => Promise<Value> {
  let previous: Promise<unknown> = Promise.resolve();
  // After every promise that is settled by now, and before timers and I/O.
  const batchScheduleFn = (run: () => void) => void previous.then(() => process.nextTick(run));
  const loader = new DataLoader<Key, Value>(
    (keys) => {
      const values = load(keys);
      previous = values.catch(() => {});
      return values;
    },
    { cache: false, maxBatchSize: 1_000, batchScheduleFn },
  );
  return (key) => loader.load(key);
}
