import type { TextQuery } from './database.ts';

/** Bytes of write-ahead log that PostgreSQL may have to replay after a crash; beyond them a checkpoint is made. */
const checkpointBytes = 16_777_216;

/**
 * Runs `VACUUM`, `ANALYZE` and `CHECKPOINT` where they are due: the work of PostgreSQL's background processes, which
 * PGlite lacks. A table is due by the default thresholds of autovacuum
 * (https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM).
 */
export async function runMaintenance(query: TextQuery): Promise<void> {
  for (const { name } of await query<{ name: string }>(dueTables)) await query(`VACUUM (ANALYZE) ${name}`);
  const [log] = await query<{ isLong: boolean }>(
    `SELECT pg_current_wal_insert_lsn() - redo_lsn > ${checkpointBytes} AS "isLong" FROM pg_control_checkpoint()`,
  );
  if (log?.isLong) await query('CHECKPOINT');
}

const dueTables = `
SELECT quote_ident(s.relname) AS name
FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
WHERE n_dead_tup > 50 + 0.2 * greatest(reltuples, 0)
  OR n_ins_since_vacuum > 1000 + 0.2 * greatest(reltuples, 0)
  OR n_mod_since_analyze > 50 + 0.1 * greatest(reltuples, 0)`;
