import type { Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { int4, nullable, uuid } from '../infra/database/types.ts';

/** Number of channels that one statement examines: it must end within the time of a statement. */
const portion = 5_000;
const lowestId = '00000000-0000-0000-0000-000000000000';

/**
 * Forgets the offsets of channels, because those of another log cannot be compared with them. Their changes are tracked again
 * from the next event on, and cursors resynchronise them as a whole until then.
 * @param query of a transaction that has locked the positions of the partitions: no bridge changes these channels meanwhile
 * @param partition partition whose channels are concerned; null for those of all partitions
 */
export async function forgetOffsets(query: Query, partition: number | null): Promise<void> {
  let after: string | null = lowestId;
  while (after !== null) {
    const rows: { lastId: string | null }[] = await query(forgetNext, { partition, after });
    after = rows[0]?.lastId ?? null;
  }
}

const forgetNext = statement({
  sql: `
    WITH portion AS MATERIALIZED (
      SELECT c.id, c.log_partition FROM channel c WHERE c.id > $after ORDER BY c.id LIMIT ${portion}
    ), forgotten AS (
      UPDATE channel SET log_version = NULL
      WHERE id = ANY(ARRAY(SELECT p.id FROM portion p WHERE $partition IS NULL OR p.log_partition = $partition))
        AND log_version IS NOT NULL
    )
    SELECT (SELECT p.id FROM portion p ORDER BY p.id DESC LIMIT 1) AS "lastId"`,
  parameters: { partition: nullable(int4), after: uuid },
  row: { lastId: nullable(uuid) },
});
