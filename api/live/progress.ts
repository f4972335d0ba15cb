/** Offsets by partition: each is the offset after the last one that was delivered; 0 if nothing was. */
export type Offsets = readonly number[];

/** The newest offsets that were heard of in one step of time. */
interface Sample {
  /** Times of the first and the last of them, in milliseconds. */
  from: number;
  until: number;
  offsets: Map<number, number>;
}

/** Something that was heard of at a time and is not delivered yet. */
interface Hold {
  since: number;
}

/** Options of `createProgress`. */
export interface ProgressOptions {
  /**
   * Milliseconds that signals of one partition may arrive out of order: they come from several bridges over several
   * connections.
   */
  settleMs?: number;
  /** Milliseconds of one step: `advance` moves the offsets once in a step at most. */
  stepMs?: number;
  /** Maximum number of steps that are kept while something is held; later ones are joined. */
  maxSteps?: number;
  /** Milliseconds. */
  now?(): number;
}

const defaults = { settleMs: 3_000, stepMs: 250, maxSteps: 64, now: () => performance.now() };

/**
 * Creates the record of the offsets up to which everything was delivered to the live streams of this process. The offsets may
 * lag, so that a stream that resumes from them repeats something; they never lead, so that it misses nothing.
 *
 * A signal names an offset below which its bridge has published everything. The signals of all of that arrive within
 * `settleMs` of it, and are held from their arrival until they are delivered. So the offsets follow those heard of before the
 * oldest hold, less `settleMs`.
 */
export function createProgress(options: ProgressOptions = {}) {
  const { settleMs, stepMs, maxSteps, now } = { ...defaults, ...options };
  let offsets: number[] = [];
  let revision = 0;
  /** In order of time. */
  const samples: Sample[] = [];
  /** In the order in which they began. */
  const holds = new Set<Hold>();
  let advancedAt = Number.NEGATIVE_INFINITY;
  let settledAt = Number.NEGATIVE_INFINITY;

  return {
    /** Returns the offsets. They are replaced, never changed. */
    offsets: (): Offsets => offsets,
    /** Returns a number that changes with the offsets. */
    revision: () => revision,
    /** Returns the time up to which everything that was heard of is delivered, by `now`, as of the last `advance`. */
    settledAt: () => settledAt,
    /** Returns the number of holds. */
    held: () => holds.size,
    /**
     * Takes an offset below which a bridge has published everything of a partition.
     * @param next the offset after the last one
     */
    heard(partition: number, next: number): void {
      const sample = sampleOf(now());
      sample.offsets.set(partition, Math.max(next, sample.offsets.get(partition) ?? 0));
    },
    /**
     * Must be called when something is heard of that is delivered later, and before `heard`.
     * @returns a function that must be called once it is delivered; further calls do nothing
     */
    hold(): () => void {
      const hold = { since: now() };
      holds.add(hold);
      return () => void holds.delete(hold);
    },
    /** Moves the offsets forward, unless they moved less than `stepMs` ago. */
    advance(): void {
      const time = now();
      if (time - advancedAt < stepMs) return;
      advancedAt = time;
      const [oldest] = holds;
      settledAt = Math.min(time, oldest?.since ?? time) - settleMs;
      takeUntil(settledAt);
    },
    /**
     * Takes the offsets that the database had applied before anything was followed; 0 for each partition if they are not known.
     * @param applied the offset after the last one of each partition
     */
    start(applied: Offsets): void {
      replace(applied.map((next, partition) => Math.max(next, offsets[partition] ?? 0)));
    },
    /**
     * Moves the offsets back to those that the database has applied, where they are above, and forgets the offsets heard: it was
     * restored to an older state, and will apply the rest again, or the log is another one.
     * @param applied the offset after the last one of each partition
     */
    limit(applied: Offsets): void {
      samples.length = 0;
      replace(applied.map((next, partition) => Math.min(next, offsets[partition] ?? 0)));
    },
  };

  function sampleOf(time: number): Sample {
    const last = samples.at(-1);
    if (last && (time - last.from < stepMs || samples.length >= maxSteps)) {
      last.until = time;
      return last;
    }
    const sample = { from: time, until: time, offsets: new Map<number, number>() };
    samples.push(sample);
    return sample;
  }

  function takeUntil(time: number): void {
    const next = [...offsets];
    const isSettled = ({ until }: Sample) => until <= time;
    for (let [sample] = samples; sample && isSettled(sample); [sample] = samples) {
      samples.shift();
      for (const [partition, offset] of sample.offsets) next[partition] = Math.max(offset, next[partition] ?? 0);
    }
    if (next.some((offset, partition) => offset !== offsets[partition])) replace(next);
  }

  function replace(next: readonly number[]): void {
    offsets = Array.from(next, (offset) => offset ?? 0);
    revision++;
  }
}

/** See `createProgress`. */
export type Progress = ReturnType<typeof createProgress>;
