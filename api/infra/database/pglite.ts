import { mkdir } from 'node:fs/promises';
import pg from 'pg';
import { ignore } from '../../ignore.ts';
import type { SqlDatabase } from './database.ts';
import { lockDirectory } from './directory-lock.ts';
import { createDatabaseDirectory } from './pglite-directory.ts';
import { runMaintenance } from './pglite-maintenance.ts';
import { createPgliteThread } from './pglite-thread.ts';
import { createPooledDatabase, migrateOver, prepare } from './postgres-pool.ts';

/** One permanent connection, as PGlite's only user. */
const settings = { max: 1, idleTimeoutMillis: 0, pipeline: true, user: 'postgres', database: 'postgres' };

/** Milliseconds that a reader's statement waits for its turn by default. */
const defaultReadWaitMs = 10_000;

/** Interval of autovacuum in PostgreSQL's default settings. */
const maintenanceMs = 60_000;

/** Discards the state that an earlier connection left in the one session. */
const resetSession = ['ROLLBACK', 'DISCARD ALL'];

interface PgliteOptions {
  dataDir?: string;
  readWaitMs?: number;
  migrations: string;
}

/**
 * Opens PostgreSQL in a thread of this process, over files in a directory that it locks, or in memory. There is one
 * session, so transactions and statements run one after another.
 * @param options.dataDir directory of the files, created when missing; in memory without it
 * @param options.readWaitMs milliseconds that a reader's statement waits for its turn; 10,000 by default
 * @param options.migrations folder of migrations, all of which are applied when this resolves
 * @throws DataInUseError when another process uses the directory
 */
export async function createPgliteDatabase(options: PgliteOptions): Promise<SqlDatabase> {
  const { dataDir } = options;
  if (dataDir === undefined) return openDatabase(undefined, options, async () => {});
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const unlock = await lockDirectory(dataDir);
  const directory = `${dataDir}/database`;
  try {
    await createDatabaseDirectory(directory);
  } catch (error) {
    await unlock();
    throw error;
  }
  return openDatabase(directory, options, unlock);
}

async function openDatabase(
  directory: string | undefined,
  { migrations, readWaitMs = defaultReadWaitMs }: PgliteOptions,
  unlock: () => Promise<void>,
): Promise<SqlDatabase> {
  const thread = createPgliteThread(directory);
  const pool = new pg.Pool({ stream: thread.connect, ...settings, onConnect: openSession });
  pool.on('error', ignore);
  // Other statements wait for at most one of a reader, and for those that came before them.
  const reads = { connections: 1, maxWaitMs: readWaitMs };
  const database = createPooledDatabase(pool, reads, async () => {
    clearInterval(maintenance);
    await thread.stop();
    await unlock();
  });
  // The next round retries after a failure.
  const maintenance = setInterval(() => runMaintenance(database.query).catch(ignore), maintenanceMs);
  try {
    await applyMigrations(pool, migrations);
  } catch (error) {
    await database.stop();
    throw error;
  }
  return database;
}

async function openSession(client: pg.ClientBase): Promise<void> {
  for (const statement of resetSession) await client.query(statement);
  await prepare(client);
}

async function applyMigrations(pool: pg.Pool, migrations: string): Promise<void> {
  const client = await pool.connect();
  try {
    await migrateOver(client, migrations);
  } finally {
    client.release();
  }
}
