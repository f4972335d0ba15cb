import { statement } from '../../infra/database/statement.ts';
import { arrayOf, bool, timestamptz, uuid } from '../../infra/database/types.ts';
import { portion } from './job.ts';

/**
 * Selects the next uploads by id, and whether each is old and neither an avatar nor attached to a message that was not
 * deleted. Each look-up is a subquery of one row, which PostgreSQL cannot turn into a join over whole tables.
 */
export const selectUploads = statement({
  sql: `
    SELECT u.id, u.created_at < $before
      AND (SELECT true FROM attachment a JOIN entry e ON e.id = a.message_id
        WHERE a.id = u.id AND e.deleted_at IS NULL LIMIT 1) IS NULL
      AND (SELECT true FROM users p WHERE p.id = u.user_id AND p.avatar_id = u.id LIMIT 1) IS NULL AS "isUnused"
    FROM (SELECT id, user_id, created_at FROM upload WHERE id > $after ORDER BY id LIMIT ${portion}) u ORDER BY u.id`,
  parameters: { after: uuid, before: timestamptz },
  row: { id: uuid, isUnused: bool },
});

/** Selects uploads that have a row or belong to a message that was not deleted. */
export const selectReferenced = statement({
  sql: `
    SELECT id FROM upload WHERE id = ANY($ids)
    UNION ALL
    SELECT a.id FROM attachment a JOIN entry e ON e.id = a.message_id
    WHERE a.id = ANY($ids) AND e.deleted_at IS NULL`,
  parameters: { ids: arrayOf(uuid) },
  row: { id: uuid },
});

export const deleteUploads = statement({
  sql: 'DELETE FROM upload WHERE id = ANY($ids) RETURNING id',
  parameters: { ids: arrayOf(uuid) },
  row: { id: uuid },
});

/** Deletes tickets whose upload never came: those that were made before a time, up to a portion. */
export const deleteOldTickets = statement({
  sql: `
    DELETE FROM upload_ticket WHERE id = ANY(ARRAY(
      SELECT t.id FROM upload_ticket t WHERE t.created_at < $before
      ORDER BY t.created_at LIMIT ${portion} FOR UPDATE SKIP LOCKED)) RETURNING id`,
  parameters: { before: timestamptz },
  row: { id: uuid },
});
