import type { SqlDatabase, TextQuery } from './database.ts';

/** Schema of the copies. */
const schema = 'kept';

/**
 * Creates a copy of all rows of a database within the database, for one that tests restore again and again: it takes
 * milliseconds, where a new database takes a second. Identities go on from their newest value; tables
 * have no other generated columns.
 */
export function createKeptRows({ transaction, query: ask }: Pick<SqlDatabase, 'transaction' | 'query'>) {
  return {
    /** Copies the present rows of all tables. It is called once. */
    keep: (): Promise<void> =>
      transaction(async (query) => {
        await query(`CREATE SCHEMA ${schema}`);
        for (const table of await tablesOf(query))
          await query(`CREATE TABLE ${schema}.${table} AS TABLE public.${table}`);
      }),
    /** Replaces the present rows of all tables by the copies. */
    async restore(): Promise<void> {
      await transaction(async (query) => {
        const tables = await tablesOf(query);
        // Triggers and foreign keys have had their effect on the copies.
        await query('SET LOCAL session_replication_role = replica');
        await query(`TRUNCATE ${tables.map((table) => `public.${table}`).join(', ')}`);
        for (const table of tables)
          await query(`INSERT INTO public.${table} OVERRIDING SYSTEM VALUE SELECT * FROM ${schema}.${table}`);
      });
      // Until a checkpoint, the files of before stay as empty ones: some hundred each time, which slow the next one down.
      await ask('CHECKPOINT');
    },
  };
}

async function tablesOf(query: TextQuery): Promise<string[]> {
  const rows = await query<{ name: string }>(
    "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
  );
  return rows.map(({ name }) => name);
}
