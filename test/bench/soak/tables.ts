import type { TextQuery } from '../../../api/infra/database/database.ts';

/** Table of a database. */
export interface Table {
  name: string;
  rows: number;
  /** Size in bytes, with indexes. */
  bytes: number;
}

/** Reads the exact number of rows of each table, and its size. */
export async function readTables(query: TextQuery): Promise<Table[]> {
  const named = await query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_prisma%' ORDER BY 1`,
  );
  const parts = named.map(
    ({ name }) =>
      `SELECT '${name}' AS name, (SELECT count(*) FROM ${name}) AS rows, pg_total_relation_size('${name}') AS bytes`,
  );
  const read = await query<{ name: string; rows: unknown; bytes: unknown }>(parts.join(' UNION ALL '));
  return read.map(({ name, rows, bytes }) => ({ name, rows: Number(rows), bytes: Number(bytes) }));
}
