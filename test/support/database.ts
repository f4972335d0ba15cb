import { paths } from '../../api/config.ts';
import { createPgliteDatabase } from '../../api/infra/database/pglite.ts';

/** A database in memory with all migrations, and a way to empty it. */
export async function openDatabase() {
  const database = await createPgliteDatabase({ migrations: paths.migrations });
  const tables = await database.query<{ name: string }>(
    `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'`,
  );
  return {
    ...database,
    /** Deletes every row. */
    async empty(): Promise<void> {
      await database.query(`TRUNCATE ${tables.map(({ name }) => name).join(', ')} CASCADE`);
    },
  };
}

export type TestDatabase = Awaited<ReturnType<typeof openDatabase>>;
