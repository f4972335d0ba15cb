import type { Database } from '../../infra/database/database.ts';
import { statement } from '../../infra/database/statement.ts';
import { int4, nullable, timestamptz, uuid } from '../../infra/database/types.ts';
import { systemUser } from '../../system-user.ts';
import { type CleanupJob, createScanJob, portion } from './job.ts';

/**
 * Creates the job for guests who can no longer sign in: those without a session, created more than `ttlMs` milliseconds ago.
 * A guest who was never a member of a channel that still exists has no entries, and is removed. The others are authors or
 * subjects of entries: they keep their row and lose their e-mail address. Files keep a row too, until their own job has
 * removed them: the picture of a guest who was never a member is no longer in use.
 * @param options.now returns epoch milliseconds
 */
export function createGuestCleanup(options: {
  database: Pick<Database, 'query'>;
  ttlMs: number;
  now?: () => number;
}): CleanupJob {
  const { ttlMs, now = Date.now } = options;
  const { query } = options.database;
  return createScanJob({
    name: 'guests',
    async examine(after) {
      const [found] = await query(removeGoneGuests, { after, before: new Date(now() - ttlMs) });
      return { lastId: found?.lastId ?? null, removed: { users: found?.removed ?? 0 } };
    },
  });
}

const isNone = (from: string) => `(SELECT true FROM ${from} LIMIT 1) IS NULL`;

/** A guest who is invited at this moment is inserted again from the facts in the event. */
const removeGoneGuests = statement({
  sql: `
    WITH portion AS (
      SELECT u.id, u.email, u.avatar_id, u.password_hash, u.created_at FROM users u WHERE u.id > $after ORDER BY u.id LIMIT ${portion}
    ), gone AS MATERIALIZED (
      SELECT p.id, p.email, p.avatar_id, ${isNone('member m WHERE m.user_id = p.id')} AS unknown, ${isNone('upload f WHERE f.user_id = p.id')}
        AND ${isNone('upload_ticket t WHERE t.user_id = p.id')}
        AND ${isNone('match_claim k WHERE k.user_id = p.id')}
        AND ${isNone('report r WHERE r.user_id = p.id')} AND ${isNone('report r WHERE r.reporter_id = p.id')} AS unused
      FROM portion p
      WHERE p.id <> '${systemUser.id}' AND p.password_hash IS NULL AND p.created_at < $before AND ${isNone('session s WHERE s.user_id = p.id')}
    ), removed AS (
      DELETE FROM users WHERE id = ANY(ARRAY(SELECT g.id FROM gone g WHERE g.unknown AND g.unused)) AND password_hash IS NULL RETURNING id
    ), forgotten AS (
      UPDATE users SET email = NULL, avatar_id = CASE WHEN id = ANY(ARRAY(SELECT g.id FROM gone g WHERE NOT g.unknown))
        THEN avatar_id END
      WHERE password_hash IS NULL AND id = ANY(ARRAY(
        SELECT g.id FROM gone g WHERE NOT (g.unknown AND g.unused)
          AND (g.email IS NOT NULL OR (g.unknown AND g.avatar_id IS NOT NULL))))
    )
    SELECT (SELECT p.id FROM portion p ORDER BY p.id DESC LIMIT 1) AS "lastId",
      (SELECT count(*)::int FROM removed) AS removed`,
  parameters: { after: uuid, before: timestamptz },
  row: { lastId: nullable(uuid), removed: int4 },
});
