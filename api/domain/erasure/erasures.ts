import { setTimeout as delay } from 'node:timers/promises';
import type { Database } from '../../infra/database/database.ts';
import type { Logger } from '../../logger.ts';
import { type CleanupJob, lowestId, minuteMs } from '../cleanup/job.ts';
import { completeErasure, selectErasure, selectUnfinished, updateErasure } from './erasure-statements.ts';

/** One kind of data that an erasure removes, in portions. */
export interface ErasureStep {
  /** Unique name, under which the database keeps the progress of an erasure. */
  name: string;
  /**
   * Removes one portion. It can be interrupted at any point and repeated, also by another process at the same moment.
   * @param cursor result of the portion before; null for the first one
   * @returns the cursor of the next portion; null once nothing is left
   */
  run(userId: string, cursor: string | null): Promise<string | null>;
}

/** Rest after each portion, as a multiple of its duration: an erasure must not slow others. */
const restFactor = 2;

/**
 * Creates the erasure of users: the steps in order, portion after portion, whose progress the database keeps. The gateway that
 * was asked begins at once; a job of the cleanup continues the erasures that a process has left, and those that came from the log
 * of a restored database.
 */
export function createErasures(options: {
  database: Pick<Database, 'query'>;
  steps: readonly ErasureStep[];
  logger: Logger;
}) {
  const { steps, logger } = options;
  const { query } = options.database;
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  let completed = 0;

  return {
    /** Begins the erasure of a user of the ledger, without waiting for it. */
    begin(userId: string): void {
      const work = eraseAll(userId)
        .catch((error: unknown) => logger.warn({ error, userId }, 'an erasure was interrupted; a job continues it'))
        .finally(() => running.delete(work));
      running.add(work);
    },
    /** Does one portion of a user's erasure. Returns whether there is more to do. */
    advance,
    /** Number of erasures that this process has completed. */
    completed: () => completed,
    job: createJob(),
    /** Resolves once the present portions have ended. */
    async stop(): Promise<void> {
      stopping.abort();
      await Promise.all(running);
    },
  };

  async function eraseAll(userId: string): Promise<void> {
    while (!stopping.signal.aborted) {
      const startedAt = performance.now();
      if (!(await advance(userId))) return;
      const ms = restFactor * (performance.now() - startedAt);
      await delay(ms, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  async function advance(userId: string): Promise<boolean> {
    const [stored] = await query(selectErasure, { userId });
    if (stored === undefined) return false;
    const index = Math.max(
      0,
      steps.findIndex(({ name }) => name === stored.step),
    );
    const step = steps[index];
    if (step === undefined) return complete(userId);
    const cursor = await step.run(userId, step.name === stored.step ? stored.cursor : null);
    const next = cursor === null ? steps[index + 1] : step;
    if (next === undefined) return complete(userId);
    await query(updateErasure, { userId, step: next.name, cursor });
    return true;
  }

  async function complete(userId: string): Promise<false> {
    completed += (await query(completeErasure, { userId })).length;
    return false;
  }

  /** Its cursor is the user before the one that it continues; one whose portion fails is left to the next round. */
  function createJob(): CleanupJob {
    return {
      name: 'erasures',
      intervalMs: minuteMs,
      async step(cursor) {
        const after = cursor ?? lowestId;
        const [unfinished] = await query(selectUnfinished, { after });
        if (unfinished === undefined) return { next: null, removed: {} };
        const goesOn = await advance(unfinished.userId).catch((error: unknown) => {
          logger.warn({ error, userId: unfinished.userId }, 'a portion of an erasure failed; it is tried again later');
          return false;
        });
        return { next: goesOn ? after : unfinished.userId, removed: {} };
      },
    };
  }
}

/** The erasure of users, made by `createErasures`. */
export type Erasures = ReturnType<typeof createErasures>;
