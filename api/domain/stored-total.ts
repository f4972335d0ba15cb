import type { Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { int8 } from '../infra/database/types.ts';

/**
 * Returns the bytes of all stored and announced files, thumbnails left out. Triggers on `upload` and `upload_ticket` keep the
 * sum in a few rows, so that this costs the same for any number of files.
 */
export async function readStoredTotal(query: Query): Promise<number> {
  const [row] = await query(selectStoredBytes, {});
  return Number(row?.bytes ?? 0);
}

const selectStoredBytes = statement({
  sql: 'SELECT coalesce(sum(bytes), 0)::bigint AS bytes FROM stored_bytes',
  parameters: {},
  row: { bytes: int8 },
});
