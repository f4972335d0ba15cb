/** Lets long work give way to other events: the event loop turns between its parts. */
export interface Pacer {
  /** Resolves when the next part of some work may run; null when it may run at once. */
  enter(): Promise<void> | null;
  /** Resolves when the next part may run, after all parts that wait already. */
  wait(): Promise<void>;
}

/** Number of microtask steps after which most of a part's synchronous work is done, or at least half of the one before. */
const stepsOfPart = 4;

/**
 * Creates a pacer for all long works of a process. Parts run in the order of their calls, and at most `sliceMs` of them, and
 * the part that exceeds it, in one turn of the event loop.
 * @param options.now milliseconds
 */
export function createPacer({
  sliceMs,
  now = () => performance.now(),
}: {
  sliceMs: number;
  now?: () => number;
}): Pacer {
  const waiting: (() => void)[] = [];
  /** Time at which the parts of this turn have taken long enough; null before the first part. */
  let endOfSlice: number | null = null;

  return {
    enter() {
      if (waiting.length > 0) return wait();
      if (endOfSlice === null) beginSlice();
      return now() < (endOfSlice ?? 0) ? null : wait();
    },
    wait,
  };

  function wait(): Promise<void> {
    if (endOfSlice === null) beginSlice();
    return new Promise((resolve) => waiting.push(resolve));
  }

  /** Begins the slice of this turn of the event loop. */
  function beginSlice(): void {
    endOfSlice = now() + sliceMs;
    setImmediate(nextTurn);
  }

  function nextTurn(): void {
    endOfSlice = null;
    if (waiting.length > 0) void runParts();
  }

  async function runParts(): Promise<void> {
    beginSlice();
    for (let part = waiting.shift(); part; part = waiting.shift()) {
      part();
      for (let step = 0; step < stepsOfPart; step++) await null;
      if (now() >= (endOfSlice ?? 0)) return;
    }
  }
}
