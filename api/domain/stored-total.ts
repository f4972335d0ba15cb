import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { int8 } from '../infra/database/types.ts';

/** Milliseconds for which a count is used. Counting reads all rows of uploads, so it must be rare. */
const countMs = 300_000;

/**
 * Counts the bytes of all stored and announced files, thumbnails left out. The database is asked at most once in five
 * minutes; in between, files that this process adds are counted here. So files that other processes add and files that
 * are removed are counted up to five minutes late.
 * @param options.now returns epoch milliseconds
 */
export function createStoredTotal(options: { database: Pick<Database, 'query'>; now?: () => number }) {
  const { database, now = Date.now } = options;
  let bytes = 0;
  let countedAt = Number.NEGATIVE_INFINITY;
  let counting: Promise<void> | null = null;

  return {
    /** Returns the number of bytes. */
    async read(): Promise<number> {
      if (now() - countedAt >= countMs) {
        counting ??= count().finally(() => {
          counting = null;
        });
        await counting;
      }
      return bytes;
    },
    /** Counts a file that this process has added. */
    add(added: number): void {
      bytes += added;
    },
  };

  async function count(): Promise<void> {
    const [row] = await database.query(selectStoredBytes, {});
    bytes = Number(row?.bytes ?? 0);
    countedAt = now();
  }
}

const selectStoredBytes = statement({
  sql: `
    SELECT (SELECT coalesce(sum(byte_size), 0) FROM upload)
      + (SELECT coalesce(sum(byte_size), 0) FROM upload_ticket) AS bytes`,
  parameters: {},
  row: { bytes: int8 },
});
