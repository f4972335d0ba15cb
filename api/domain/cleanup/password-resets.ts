import type { Database } from '../../infra/database/database.ts';
import { statement } from '../../infra/database/statement.ts';
import { uuid } from '../../infra/database/types.ts';
import { type CleanupJob, createRemovalJob, portion } from './job.ts';

/** Creates the job that removes expired links to choose a new password. */
export function createResetCleanup({ query }: Pick<Database, 'query'>): CleanupJob {
  return createRemovalJob({
    name: 'password resets',
    table: 'password_reset',
    remove: () => query(deleteExpiredResets, {}),
  });
}

const deleteExpiredResets = statement({
  sql: `
    DELETE FROM password_reset WHERE hash = ANY(ARRAY(
      SELECT r.hash FROM password_reset r WHERE r.expires_at < now()
      ORDER BY r.expires_at LIMIT ${portion} FOR UPDATE SKIP LOCKED)) RETURNING user_id AS "userId"`,
  row: { userId: uuid },
});
