import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../infra/database/database.ts';
import type { Logger } from '../../logger.ts';
import { insertJobs, releaseLease, selectJobs, takeLease, updateJob } from './cleanup-statements.ts';
import type { CleanupJob } from './job.ts';

/** Milliseconds between two looks for jobs that are due. Processes vary it, so that they do not all look at the same moment. */
const defaultTickMs = 60_000;
const jitter = 1 / 2;
/** Seconds after which another process may go on if a process stalls or is killed. No step should take longer. */
const leaseSeconds = 120;
const leaseName = 'cleanup';
/** Rest after a step, in multiples of the time that the step took, and in milliseconds at least. */
const defaultRest = { factor: 4, leastMs: 5 };

/**
 * Creates the cleanup: the jobs that remove rows and objects which are no longer needed. Over all processes of a database,
 * one at a time works, under a lease; it does the jobs that are due in small steps, with rests between them, and stores the
 * cursor of each job after each step. So another process continues where one was stopped or killed.
 * @param options.onRemoved called with the number of rows that a step removed from a table
 * @param options.tickMs milliseconds between two looks for due jobs
 * @param options.rest rest after each step: a multiple of its duration, and at least some milliseconds
 */
export function createCleanup(options: {
  database: Pick<Database, 'query'>;
  jobs: readonly CleanupJob[];
  onRemoved(table: string, rows: number): void;
  tickMs?: number;
  rest?: { factor: number; leastMs: number };
  logger: Logger;
}) {
  const { jobs, onRemoved, tickMs = defaultTickMs, rest = defaultRest, logger } = options;
  const { query } = options.database;
  const holder = randomUUID();
  const names = jobs.map(({ name }) => name);
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();
  let oldest = { ageMs: 0, readAt: performance.now() };

  return {
    /** Does the jobs that are due, unless another process does them. */
    runOnce,
    /** Milliseconds since the last complete round of the job that has waited for the longest time. */
    ageMs: () => oldest.ageMs + performance.now() - oldest.readAt,
    start: schedule,
    /** Resolves once the present step has ended. */
    async stop(): Promise<void> {
      stopping.abort();
      clearTimeout(timer);
      await running;
      for (const job of jobs) await job.stop?.();
    },
  };

  function schedule(): void {
    if (stopping.signal.aborted) return;
    timer = setTimeout(
      () => {
        running = runSafely().finally(schedule);
      },
      tickMs * (1 + jitter * (2 * Math.random() - 1)),
    );
  }

  async function runSafely(): Promise<void> {
    await runOnce().catch((error: unknown) =>
      logger.warn({ error }, 'the cleanup could not begin; it tries again later'),
    );
  }

  async function runOnce(): Promise<void> {
    await query(insertJobs, { names });
    let due = await readDueJobs();
    if (due.length === 0 || !(await holdsLease())) return;
    try {
      while (due.length > 0) {
        const rests: CleanupJob[] = [];
        // In turns, so that a long job does not hold up the others.
        for (const job of due) if (await advance(job)) rests.push(job);
        due = rests;
      }
      await readDueJobs();
    } finally {
      await query(releaseLease, { name: leaseName, holder });
    }
  }

  /** Does one step of a job and rests. Returns whether the job goes on in this run. */
  async function advance(job: CleanupJob): Promise<boolean> {
    if (stopping.signal.aborted) return false;
    const startedAt = performance.now();
    try {
      if (!(await holdsLease())) return false;
      const goesOn = await step(job);
      await pause(performance.now() - startedAt);
      return goesOn;
    } catch (error) {
      logger.warn({ error, job: job.name }, 'a step of the cleanup failed; the job continues there later');
      return false;
    }
  }

  async function step(job: CleanupJob): Promise<boolean> {
    const [stored] = await query(selectJobs, { names: [job.name] });
    const result = await job.step(stored?.cursor ?? null);
    if (result === null) return false;
    const { next, removed } = result;
    await query(updateJob, { name: job.name, cursor: next });
    for (const [table, rows] of Object.entries(removed)) onRemoved(table, rows);
    return next !== null;
  }

  async function pause(tookMs: number): Promise<void> {
    const ms = Math.max(rest.leastMs, rest.factor * tookMs);
    await delay(ms, undefined, { signal: stopping.signal }).catch(() => {});
  }

  async function holdsLease(): Promise<boolean> {
    return (await query(takeLease, { name: leaseName, holder, seconds: leaseSeconds })).length > 0;
  }

  async function readDueJobs(): Promise<CleanupJob[]> {
    const rows = await query(selectJobs, { names });
    const rested = new Map(rows.map(({ name, restedSeconds }) => [name, restedSeconds]));
    oldest = { ageMs: 1_000 * Math.max(0, ...rows.map(({ ageSeconds }) => ageSeconds)), readAt: performance.now() };
    return jobs.filter(({ name, intervalMs }) => {
      const seconds = rested.get(name) ?? null;
      return seconds === null || seconds * 1_000 >= intervalMs;
    });
  }
}
