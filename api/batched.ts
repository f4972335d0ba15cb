import DataLoader from 'dataloader';

/**
 * Does one thing at a time for all who ask: those who come at the same moment, or while it is being done, are served together
 * next. Nothing is kept.
 * @param load answers each key, in their order; at most 1,000 at once
 */
export function batched<Key, Value>(
  load: (keys: readonly Key[]) => Promise<(Value | Error)[]>,
): (key: Key) => Promise<Value> {
  let before: Promise<unknown> = Promise.resolve();
  // After all promises that are settled by now, and before anything else happens.
  const batchScheduleFn = (run: () => void) => void before.then(() => process.nextTick(run));
  const loader = new DataLoader<Key, Value>(
    (keys) => {
      const answer = load(keys);
      before = answer.catch(() => {});
      return answer;
    },
    { cache: false, maxBatchSize: 1_000, batchScheduleFn },
  );
  return (key) => loader.load(key);
}
