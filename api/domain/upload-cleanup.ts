import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { arrayOf, int4, nullable, timestamptz, uuid } from '../infra/database/types.ts';
import type { Objects } from '../infra/objects/objects.ts';
import type { Logger } from '../logger.ts';
import { fileKey, isFileKey, isRawKey, thumbnailKey, uploadIdOf } from './file-keys.ts';
import { createPeriodicJob } from './periodic-job.ts';

/**
 * Age in milliseconds at which unreferenced files are removed. It exceeds `attachableMs` plus any lag of the event log, so
 * that the message of a younger file may still arrive.
 */
const defaultGraceMs = 86_400_000;
/** Number of files that are removed with one statement. */
const batchSize = 500;

/**
 * Removes files that are no longer referenced: uploads that were never attached, files of deleted messages, and objects
 * without a row. Files younger than the grace period are kept. The grace period is counted back from the newest change of a
 * channel, since a restored database replays its changes from the log. A run can be interrupted at any point, and several
 * processes can run at once.
 * @param options.graceMs minimum age of a removed file, in milliseconds
 * @param options.firstRunMs,options.intervalMs see `createPeriodicJob`
 */
export function createUploadCleanup(options: {
  database: Database;
  objects: Objects;
  graceMs?: number;
  firstRunMs?: number;
  intervalMs?: number;
  logger: Logger;
}) {
  const { database, objects, graceMs = defaultGraceMs } = options;

  return createPeriodicJob({
    ...options,
    runOnce,
    failure: 'unreferenced files were not removed; the next run tries again',
  });

  /** Removes unreferenced files once. */
  async function runOnce(): Promise<void> {
    const before = new Date(Math.min(Date.now(), await newestChange()) - graceMs);
    await removeUploads(before);
    await objects.removeIncomplete(before, isFileKey);
    await database.query(deleteTickets, { before });
    await removeStrayObjects(before);
  }

  async function newestChange(): Promise<number> {
    const [newest] = await database.query(selectNewestChange, {});
    return newest?.at?.getTime() ?? 0;
  }

  /** Removes objects before their rows: the next run finds a row without an object, not the reverse. */
  async function removeUploads(before: Date): Promise<void> {
    for (;;) {
      const rows = await database.query(selectUnreferenced, { before, limit: batchSize });
      if (rows.length === 0) return;
      const ids = rows.map(({ id }) => id);
      await objects.remove(ids.flatMap((id) => [fileKey(id), thumbnailKey(id)]));
      await database.query(deleteUploads, { ids });
    }
  }

  async function removeStrayObjects(before: Date): Promise<void> {
    const keys: string[] = [];
    for await (const { key, storedAt } of objects.list()) {
      if (storedAt < before && isFileKey(key)) keys.push(key);
      if (keys.length >= batchSize) await removeStrays(keys.splice(0));
    }
    if (keys.length > 0) await removeStrays(keys);
  }

  async function removeStrays(keys: readonly string[]): Promise<void> {
    const ids = [...new Set(keys.map(uploadIdOf))];
    const rows = await database.query(selectReferenced, { ids });
    const known = new Set(rows.map(({ id }) => id));
    await objects.remove(keys.filter((key) => isRawKey(key) || !known.has(uploadIdOf(key))));
  }
}

/** Selects uploads that have a row or belong to a message that was not deleted. */
const selectReferenced = statement({
  sql: `
    SELECT id FROM upload WHERE id = ANY($ids)
    UNION ALL
    SELECT a.id FROM attachment a JOIN entry e ON e.id = a.message_id
    WHERE a.id = ANY($ids) AND e.deleted_at IS NULL`,
  parameters: { ids: arrayOf(uuid) },
  row: { id: uuid },
});

/** Selects old uploads that are neither an avatar nor attached to a message that was not deleted. */
const selectUnreferenced = statement({
  sql: `
    SELECT u.id FROM upload u
    LEFT JOIN attachment a ON a.id = u.id
    LEFT JOIN entry e ON e.id = a.message_id
    WHERE u.created_at < $before AND (e.id IS NULL OR e.deleted_at IS NOT NULL)
      AND NOT EXISTS (SELECT FROM users p WHERE p.id = u.user_id AND p.avatar_id = u.id)
    ORDER BY u.created_at LIMIT $limit`,
  parameters: { before: timestamptz, limit: int4 },
  row: { id: uuid },
});

const selectNewestChange = statement({
  sql: 'SELECT max(last_activity_at) AS at FROM channel',
  row: { at: nullable(timestamptz) },
});

const deleteUploads = statement({
  sql: 'DELETE FROM upload WHERE id = ANY($ids)',
  parameters: { ids: arrayOf(uuid) },
});

const deleteTickets = statement({
  sql: 'DELETE FROM upload_ticket WHERE created_at < $before',
  parameters: { before: timestamptz },
});
