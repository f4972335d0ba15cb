import { statement } from '../../infra/database/statement.ts';
import { tables } from '../../infra/database/tables.ts';
import { arrayOf, bool, timestamptz, uuid } from '../../infra/database/types.ts';
import { portion } from './job.ts';

const { hash } = tables.refreshToken.columns;

/** Deletes refresh tokens that were issued before a time, up to a portion. */
export const deleteTokensIssuedBefore = declareDeletion('created_at');

/** Deletes refresh tokens that were used before a time, up to a portion. */
export const deleteTokensUsedBefore = declareDeletion('used_at');

/**
 * Selects the next sessions by id, whether each has expired or ended so long ago that it needs no tokens, and whether it is
 * removable: it expired, or it ended and was a guest's.
 */
export const selectSessions = statement({
  sql: `
    SELECT s.id, s.expired OR s.ended AS "isOver", s.expired OR (s.ended
      AND (SELECT true FROM users u WHERE u.id = s.user_id AND u.password_hash IS NOT NULL LIMIT 1) IS NULL) AS "isRemovable"
    FROM (
      SELECT id, user_id, last_used_at < $lastUsed AS expired, coalesce(revoked_at < $ended, false) AS ended
      FROM session WHERE id > $after ORDER BY id LIMIT ${portion}) s
    ORDER BY s.id`,
  parameters: { after: uuid, lastUsed: timestamptz, ended: timestamptz },
  row: { id: uuid, isOver: bool, isRemovable: bool },
});

/** Deletes refresh tokens of sessions, up to a portion. */
export const deleteTokensOf = statement({
  sql: `
    DELETE FROM refresh_token WHERE hash = ANY(ARRAY(
      SELECT t.hash FROM refresh_token t WHERE t.session_id = ANY($sessionIds) LIMIT ${portion})) RETURNING hash`,
  parameters: { sessionIds: arrayOf(uuid) },
  row: { hash },
});

export const deleteSessions = statement({
  sql: 'DELETE FROM session WHERE id = ANY($ids) RETURNING id',
  parameters: { ids: arrayOf(uuid) },
  row: { id: uuid },
});

function declareDeletion(column: 'created_at' | 'used_at') {
  return statement({
    sql: `
      DELETE FROM refresh_token WHERE hash = ANY(ARRAY(
        SELECT t.hash FROM refresh_token t WHERE t.${column} < $before
        ORDER BY t.${column} LIMIT ${portion} FOR UPDATE SKIP LOCKED)) RETURNING hash`,
    parameters: { before: timestamptz },
    row: { hash },
  });
}
