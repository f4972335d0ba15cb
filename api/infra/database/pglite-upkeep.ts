import type { TextQuery } from './database.ts';

/** How much of its log, in bytes, PostgreSQL would have to read again after a crash, before what it says is put in its place. */
const checkpointBytes = 16_777_216;

/**
 * What PostgreSQL's own processes do beside those that answer, of which PGlite has none: removes rows that nobody sees any
 * more, looks at what tables hold, so that plans fit, and shortens the log. Whatever needs none of it is left alone.
 *
 * When a table is due is PostgreSQL's default for autovacuum
 * (https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM).
 */
export async function keepUp(query: TextQuery): Promise<void> {
  for (const { name } of await query<{ name: string }>(due)) await query(`VACUUM (ANALYZE) ${name}`);
  const [log] = await query<{ isLong: boolean }>(
    `SELECT pg_current_wal_insert_lsn() - redo_lsn > ${checkpointBytes} AS "isLong" FROM pg_control_checkpoint()`,
  );
  if (log?.isLong) await query('CHECKPOINT');
}

const due = `
SELECT quote_ident(s.relname) AS name
FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
WHERE n_dead_tup > 50 + 0.2 * greatest(reltuples, 0)
  OR n_ins_since_vacuum > 1000 + 0.2 * greatest(reltuples, 0)
  OR n_mod_since_analyze > 50 + 0.1 * greatest(reltuples, 0)`;
