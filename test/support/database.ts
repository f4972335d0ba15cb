import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { paths } from '../../api/config.ts';
import type { SqlDatabase } from '../../api/infra/database/database.ts';
import { createMemoryDatabase, type MemoryDatabase } from '../../api/infra/database/pglite.ts';
import { createPostgresDatabase } from '../../api/infra/database/postgres.ts';
import { patienceMs } from './patience.ts';
import { hasService } from './services/left-out.ts';
import { createSharedDatabase, sharedFirstData } from './services/shared.ts';

/** Kinds of databases that are available to tests on this machine. */
export const databaseKinds: readonly DatabaseKind[] = hasService('PostgreSQL') ? ['PGlite', 'PostgreSQL'] : ['PGlite'];
/** Image of an empty database, read once a file. */
let image: Promise<Uint8Array> | undefined;

export type DatabaseKind = 'PGlite' | 'PostgreSQL';

/** Opens a new database with all migrations, in memory by default, and with a method that empties it. */
export async function openDatabase(kind: DatabaseKind = 'PGlite') {
  const database = await open(kind);
  const tables = await database.query<{ name: string }>(
    `SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'
       AND tablename NOT IN ('_prisma_migrations', 'stored_bytes')`,
  );
  const deletions = (names: typeof tables) => names.map(({ name }) => `_${name} AS (DELETE FROM ${name})`);
  // Triggers add rows to these when rows of others are deleted.
  const notes = tables.filter(({ name }) => ['block_end', 'membership_end'].includes(name));
  return {
    ...database,
    /** Deletes every row, except those that triggers keep. */
    async empty(): Promise<void> {
      for (const names of [tables, notes]) await database.query(`WITH ${deletions(names).join(', ')} SELECT`);
    },
  };
}

export type TestDatabase = Awaited<ReturnType<typeof openDatabase>>;

/** Opens a new database in memory with all migrations. */
export async function openMemoryDatabase(): Promise<MemoryDatabase> {
  image ??= sharedFirstData().then(async (data) => promisify(gunzip)(await readFile(data.image)));
  return createMemoryDatabase({ migrations: paths.migrations, image: await image });
}

function open(kind: DatabaseKind): Promise<SqlDatabase> {
  const { migrations } = paths;
  return kind === 'PGlite' ? openMemoryDatabase() : openPostgres(migrations);
}

async function openPostgres(migrations: string): Promise<SqlDatabase> {
  const url = await createSharedDatabase();
  return createPostgresDatabase({
    url,
    pool: 5,
    statementTimeoutMs: patienceMs,
    connectTimeoutMs: patienceMs,
    migrations,
  });
}
