import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { arrayOf, int4, nullable, timestamptz, uuid } from '../infra/database/types.ts';
import type { Objects } from '../infra/objects/objects.ts';
import type { Logger } from '../logger.ts';
import { fileKey, thumbnailKey } from './uploads.ts';

const hour = 3_600_000;
/** Soon enough for a process that never runs for an hour. */
const firstMs = 60_000;
/** How many files one round of a collection removes; the next goes on from there. */
const batch = 500;

/**
 * Removes files that nothing refers to any more: what was never attached, what belonged to messages that were deleted or are
 * gone, and objects that no row knows. Whatever is younger than a grace is left alone: its message may yet be on its way. The
 * grace is counted back from the newest change of a channel, which a restored database takes from the log only after a while.
 * Each step can end anywhere, is taken up by the next round, and may be taken by several processes at once.
 * @param options.graceMs longer than any lag of the log, in milliseconds
 * @param options.afterMs when the first round begins after the start, in milliseconds
 * @param options.everyMs when the next one begins after that, in milliseconds
 */
export function createUploadCleanup(options: {
  database: Database;
  objects: Objects;
  graceMs: number;
  afterMs?: number;
  everyMs?: number;
  logger: Logger;
}) {
  const { database, objects, graceMs, afterMs = firstMs, everyMs = hour, logger } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<unknown> = Promise.resolve();

  /** Objects go first: a row that is left finds them again, an object without a row is found by its age. */
  async function removeUploads(before: Date): Promise<void> {
    for (;;) {
      const rows = await database.query(selectUnreferenced, { before, limit: batch });
      if (rows.length === 0) return;
      const ids = rows.map(({ id }) => id);
      await objects.remove(ids.flatMap((id) => [fileKey(id), thumbnailKey(id)]));
      await database.query(deleteUploads, { ids });
    }
  }

  async function removeStrays(before: Date): Promise<void> {
    let keys: string[] = [];
    const flush = async () => {
      const ids = [...new Set(keys.map(idOf))];
      const rows = await database.query(selectReferenced, { ids });
      const known = new Set(rows.map(({ id }) => id));
      await objects.remove(keys.filter((key) => key.startsWith('raw/') || !known.has(idOf(key))));
      keys = [];
    };
    for await (const { key, at } of objects.list()) {
      if (at < before && form.test(key)) keys.push(key);
      if (keys.length >= batch) await flush();
    }
    if (keys.length > 0) await flush();
  }

  async function newestChange(): Promise<number> {
    const [newest] = await database.query(selectNewestChange, {});
    return newest?.at?.getTime() ?? 0;
  }

  async function collect(): Promise<void> {
    const before = new Date(Math.min(Date.now(), await newestChange()) - graceMs);
    await removeUploads(before);
    await objects.sweep(before, (key) => form.test(key));
    await database.query(deleteTickets, { before });
    await removeStrays(before);
  }

  async function run(): Promise<void> {
    await collect().catch((error: unknown) =>
      logger.warn({ error }, 'files were not collected; the next round tries again'),
    );
    if (timer) runAfter(everyMs);
  }

  function runAfter(ms: number): void {
    timer = setTimeout(() => {
      running = run();
    }, ms);
  }

  return {
    /** One round. */
    collect,
    start: () => runAfter(afterMs),
    async stop(): Promise<void> {
      clearTimeout(timer);
      timer = undefined;
      await running;
    },
  };
}

const form = /^(?:file|thumbnail|raw)\/[\da-f-]{36}$/;
const idOf = (key: string): string => key.split('/')[1] ?? '';

/** Uploads that have a row or belong to a message that exists. */
const selectReferenced = statement({
  sql: `
    SELECT id FROM upload WHERE id = ANY($ids)
    UNION ALL
    SELECT a.id FROM attachment a JOIN entry e ON e.id = a.message_id
    WHERE a.id = ANY($ids) AND e.deleted_at IS NULL`,
  parameters: { ids: arrayOf(uuid) },
  row: { id: uuid },
});

/** Uploads that are neither a user's picture nor a file of a message that exists. */
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
