import type { Database } from '../../infra/database/database.ts';
import { statement } from '../../infra/database/statement.ts';
import { timestamptz, uuid } from '../../infra/database/types.ts';
import { suspectMs } from '../slowed-guests.ts';
import { type CleanupJob, createRemovalJob, dayMs, portion } from './job.ts';

/** Milliseconds for which a report is kept after it was resolved, with the text that it is about. */
const resolvedMs = 30 * dayMs;
/** Milliseconds for which a report is kept that nobody resolves. */
const openMs = 365 * dayMs;

/**
 * Creates the jobs that remove old reports, acts of the audit trail, and networks of suspended users.
 * @param options.auditMs milliseconds for which an act is kept
 * @param options.now returns epoch milliseconds
 */
export function createModerationCleanup(options: {
  database: Pick<Database, 'query'>;
  auditMs: number;
  now?: () => number;
}): CleanupJob[] {
  const { auditMs, now = Date.now } = options;
  const { query } = options.database;
  const before = (ms: number) => new Date(now() - ms);
  return [
    createRemovalJob({
      name: 'resolved reports',
      table: 'report',
      remove: () => query(deleteResolved, { before: before(resolvedMs) }),
    }),
    createRemovalJob({
      name: 'open reports',
      table: 'report',
      remove: () => query(deleteOpen, { before: before(openMs) }),
    }),
    createRemovalJob({
      name: 'audit trail',
      table: 'audit',
      remove: () => query(deleteActs, { before: before(auditMs) }),
    }),
    createRemovalJob({
      name: 'suspended places',
      table: 'suspended_place',
      remove: () => query(deletePlaces, { before: before(suspectMs) }),
    }),
  ];
}

const deleteResolved = declareRemoval('report', 'resolved_at', 'id');
const deleteOpen = declareRemoval('report', 'created_at', 'id', 't.resolved_at IS NULL AND');
const deleteActs = declareRemoval('audit', 'at', 'id');
const deletePlaces = declareRemoval('suspended_place', 'suspended_at', 'user_id');

/** Declares the deletion of rows of before a time, the oldest first, up to a portion. */
function declareRemoval(table: string, at: string, id: string, condition = '') {
  return statement({
    sql: `
      DELETE FROM ${table} WHERE ctid = ANY(ARRAY(
        SELECT t.ctid FROM ${table} t WHERE ${condition} t.${at} < $before
        ORDER BY t.${at} LIMIT ${portion} FOR UPDATE SKIP LOCKED))
      RETURNING ${id} AS id`,
    parameters: { before: timestamptz },
    row: { id: uuid },
  });
}
