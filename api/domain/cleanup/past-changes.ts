import type { Database } from '../../infra/database/database.ts';
import { statement } from '../../infra/database/statement.ts';
import { timestamptz, uuid } from '../../infra/database/types.ts';
import { type CleanupJob, createRemovalJob, dayMs, portion } from './job.ts';

/** Milliseconds for which notes outlive the cursors that need them: the clocks and the rounds of the cleanup differ. */
const reserveMs = dayMs;

/**
 * Creates the jobs that remove the notes of ended memberships, ended blocks and changed profiles, which cursors of `updates` need.
 * @param options.cursorMs milliseconds for which a cursor can be used
 * @param options.now returns epoch milliseconds
 */
export function createPastChangesCleanup(options: {
  database: Pick<Database, 'query'>;
  cursorMs: number;
  now?: () => number;
}): CleanupJob[] {
  const { cursorMs, now = Date.now } = options;
  const { query } = options.database;
  const before = () => new Date(now() - cursorMs - reserveMs);
  return [
    createRemovalJob({
      name: 'membership ends',
      table: 'membership_end',
      remove: () => query(deleteMembershipEnds, { before: before() }),
    }),
    createRemovalJob({
      name: 'block ends',
      table: 'block_end',
      remove: () => query(deleteBlockEnds, { before: before() }),
    }),
    createRemovalJob({
      name: 'profile changes',
      table: 'profile_change',
      remove: () => query(deleteProfileChanges, { before: before() }),
    }),
  ];
}

const deleteMembershipEnds = declareRemoval('membership_end', 'ended_at', 'user_id');
const deleteBlockEnds = declareRemoval('block_end', 'ended_at', 'blocker_id');
const deleteProfileChanges = declareRemoval('profile_change', 'changed_at', 'user_id');

/** Declares the deletion of rows of before a time, the oldest first, up to a portion. */
function declareRemoval(table: string, at: string, userId: string) {
  return statement({
    sql: `
      DELETE FROM ${table} WHERE ctid = ANY(ARRAY(
        SELECT t.ctid FROM ${table} t WHERE t.${at} < $before ORDER BY t.${at} LIMIT ${portion} FOR UPDATE SKIP LOCKED))
      RETURNING ${userId} AS "userId"`,
    parameters: { before: timestamptz },
    row: { userId: uuid },
  });
}
