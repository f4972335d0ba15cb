import type { CleanupJob } from '../../api/domain/cleanup/job.ts';

/** Does the steps of a round until one waits, and returns the number of rows that they removed from each table. */
export async function completeRound(job: CleanupJob, from: string | null = null): Promise<Record<string, number>> {
  const removed: Record<string, number> = {};
  let cursor = from;
  do {
    const result = await job.step(cursor);
    if (result === null) break;
    cursor = result.next;
    for (const [table, rows] of Object.entries(result.removed)) removed[table] = (removed[table] ?? 0) + rows;
  } while (cursor !== null);
  return removed;
}
