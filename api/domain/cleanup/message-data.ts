import type { Database } from '../../infra/database/database.ts';
import { statement } from '../../infra/database/statement.ts';
import { int4, nullable, text, uuid } from '../../infra/database/types.ts';
import { type CleanupJob, createRemovalJob, createScanJob, dayMs, lowestId, portion } from './job.ts';

const outcomesMs = 600_000;

/** Creates the jobs for rows that belong to messages and memberships: outcomes, attachments and seen marks. */
export function createMessageDataCleanup({ query }: Pick<Database, 'query'>): CleanupJob[] {
  return [
    createRemovalJob({
      name: 'outcomes',
      table: 'outcome',
      intervalMs: outcomesMs,
      remove: () => query(deleteExpiredOutcomes, {}),
    }),
    createScanJob({
      name: 'attachments',
      async examine(after) {
        const [found] = await query(deleteUnusedAttachments, { after });
        return { lastId: found?.lastId ?? null, removed: { attachment: found?.removed ?? 0 } };
      },
    }),
    createSeenMarkJob(),
  ];

  /** The key of a seen mark has two parts, and so does the cursor. */
  function createSeenMarkJob(): CleanupJob {
    return {
      name: 'seen marks',
      intervalMs: dayMs,
      async step(cursor) {
        const [channelId, userId] = (cursor ?? `${lowestId}:${lowestId}`).split(':');
        const [found] = await query(deleteStaleMarks, { channelId: channelId ?? lowestId, userId: userId ?? lowestId });
        return { next: found?.last ?? null, removed: { seen_mark: found?.removed ?? 0 } };
      },
    };
  }
}

const deleteExpiredOutcomes = statement({
  sql: `
    DELETE FROM outcome WHERE event_id = ANY(ARRAY(
      SELECT o.event_id FROM outcome o WHERE o.expires_at < now()
      ORDER BY o.expires_at LIMIT ${portion} FOR UPDATE SKIP LOCKED)) RETURNING event_id AS "eventId"`,
  row: { eventId: uuid },
});

/**
 * Deletes those of the next attachments by id whose message was deleted or no longer exists, once the upload has no row: until
 * then the row keeps the file from being attached to another message.
 */
const deleteUnusedAttachments = statement({
  sql: `
    WITH portion AS (
      SELECT a.id, a.message_id FROM attachment a WHERE a.id > $after ORDER BY a.id LIMIT ${portion}
    ), removed AS (
      DELETE FROM attachment WHERE id = ANY(ARRAY(
        SELECT p.id FROM portion p
        WHERE (SELECT true FROM upload u WHERE u.id = p.id LIMIT 1) IS NULL
          AND (SELECT true FROM entry e WHERE e.id = p.message_id AND e.deleted_at IS NULL LIMIT 1) IS NULL))
      RETURNING id
    )
    SELECT (SELECT p.id FROM portion p ORDER BY p.id DESC LIMIT 1) AS "lastId",
      (SELECT count(*)::int FROM removed) AS removed`,
  parameters: { after: uuid },
  row: { lastId: nullable(uuid), removed: int4 },
});

/** Deletes those of the next seen marks whose user is not a member: a user who joins again starts at the newest entry. */
const deleteStaleMarks = statement({
  sql: `
    WITH portion AS (
      SELECT s.channel_id, s.user_id FROM seen_mark s WHERE (s.channel_id, s.user_id) > ($channelId, $userId)
      ORDER BY s.channel_id, s.user_id LIMIT ${portion}
    ), removed AS (
      DELETE FROM seen_mark s USING portion p
      WHERE s.channel_id = p.channel_id AND s.user_id = p.user_id AND (
        SELECT true FROM member m WHERE m.channel_id = p.channel_id AND m.user_id = p.user_id AND m.state = 'ACTIVE'
        LIMIT 1) IS NULL
      RETURNING s.user_id
    )
    SELECT (SELECT p.channel_id || ':' || p.user_id FROM portion p
      ORDER BY p.channel_id DESC, p.user_id DESC LIMIT 1) AS last,
      (SELECT count(*)::int FROM removed) AS removed`,
  parameters: { channelId: uuid, userId: uuid },
  row: { last: nullable(text), removed: int4 },
});
