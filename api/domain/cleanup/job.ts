import type { LogGuard } from '../log-guard.ts';

/** Result of one step of a job. */
export interface StepResult {
  /** Cursor of the next step; null if this step completed the round. */
  next: string | null;
  /** Number of rows that the step removed, by table. */
  removed: Readonly<Record<string, number>>;
}

/** Work of the cleanup that is done in rounds, and each round in steps, which different processes may do. */
export interface CleanupJob {
  /** Unique name, under which the database keeps the cursor. */
  name: string;
  /** Milliseconds from the end of a round to the next one. */
  intervalMs: number;
  /**
   * Does one step: it reads or removes at most a few portions of rows or objects. A step can be interrupted at any point and
   * repeated, also by another process at the same moment.
   * @param cursor result of the step before; null for the first step of a round
   * @returns null if it did nothing, because something must come first: the round then goes on there later
   */
  step(cursor: string | null): Promise<StepResult | null>;
  /** Releases resources that steps keep between each other. */
  stop?(): Promise<void>;
}

export const minuteMs = 60_000;
export const hourMs = 3_600_000;
export const dayMs = 86_400_000;

/**
 * Maximum number of rows that one statement of the cleanup reads or removes. It is part of the SQL text and not a parameter,
 * because PostgreSQL plans a limit that it does not know for a tenth of the table, which may then be read as a whole.
 */
export const portion = 500;

/** The lowest id, at which rounds over all ids start. */
export const lowestId = '00000000-0000-0000-0000-000000000000';

/** Creates a job whose statement removes the rows that are due, at most one portion of them, and returns a row for each. */
export function createRemovalJob(options: {
  name: string;
  table: string;
  intervalMs?: number;
  remove(): Promise<readonly unknown[]>;
}): CleanupJob {
  const { name, table, intervalMs = hourMs, remove } = options;
  return {
    name,
    intervalMs,
    async step() {
      const { length } = await remove();
      return { next: length < portion ? null : '', removed: { [table]: length } };
    },
  };
}

/**
 * Returns a job whose steps wait while bridges replay the log: it may hold something that a restored database lacks, such as the message
 * of a file that seems to be unused.
 */
export function onceCaughtUp(guard: Pick<LogGuard, 'isCaughtUp'>, job: CleanupJob): CleanupJob {
  return {
    ...job,
    step: async (cursor) => ((await guard.isCaughtUp(null, performance.now())) ? job.step(cursor) : null),
  };
}

/** Creates a job that examines all rows of a table by id, one portion in each step. */
export function createScanJob(options: {
  name: string;
  intervalMs?: number;
  /** Returns the last id of the portion that follows an id; null if there are no more rows. */
  examine(after: string): Promise<{ lastId: string | null; removed: StepResult['removed'] }>;
}): CleanupJob {
  const { name, intervalMs = dayMs, examine } = options;
  return {
    name,
    intervalMs,
    async step(cursor) {
      const { lastId, removed } = await examine(cursor ?? lowestId);
      return { next: lastId, removed };
    },
  };
}
