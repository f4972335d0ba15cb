import type { Logger } from '../logger.ts';

/** Short enough that a process which never runs for an hour does its jobs as well. */
const defaultFirstRunMs = 60_000;
const hourMs = 3_600_000;

/**
 * Creates a part of the process that does some work again and again: every hour by default, first after a minute. A run that
 * fails is logged, and the next one tries again.
 * @param options.failure sentence for the log
 * @param options.firstRunMs milliseconds from the start to the first run
 * @param options.intervalMs milliseconds from the end of a run to the next one
 */
export function createPeriodicJob(options: {
  runOnce(): Promise<void>;
  failure: string;
  firstRunMs?: number | undefined;
  intervalMs?: number | undefined;
  logger: Logger;
}) {
  const { runOnce, failure, firstRunMs = defaultFirstRunMs, intervalMs = hourMs, logger } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();

  return {
    /** Does the work once. */
    runOnce,
    start: () => runAfter(firstRunMs),
    /** Resolves once no run is under way. */
    async stop(): Promise<void> {
      clearTimeout(timer);
      timer = undefined;
      await running;
    },
  };

  function runAfter(ms: number): void {
    timer = setTimeout(() => {
      running = run();
    }, ms);
  }

  async function run(): Promise<void> {
    await runOnce().catch((error: unknown) => logger.warn({ error }, failure));
    if (timer) runAfter(intervalMs);
  }
}
