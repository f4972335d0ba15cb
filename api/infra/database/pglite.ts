import { mkdir } from 'node:fs/promises';
import pg from 'pg';
import type { SqlDatabase } from './database.ts';
import { lockDirectory } from './lock.ts';
import { createPgliteThread } from './pglite-thread.ts';
import { keepUp } from './pglite-upkeep.ts';
import { createPooledDatabase, migrateOver, prepare } from './postgres-pool.ts';

/** One connection, for good, as the only user there is. */
const settings = { max: 1, idleTimeoutMillis: 0, pipeline: true, user: 'postgres', database: 'postgres' };

/** As often as PostgreSQL does by itself. */
const upkeepMs = 60_000;

/** What an earlier connection left in the one session that there is. */
const forgetting = ['ROLLBACK', 'DISCARD ALL'];

/**
 * PostgreSQL in a thread of this process, over files in a directory that no other process may use meanwhile; or, without
 * one, in memory. It has one session, so transactions and statements go one after another.
 * @param options.dataDir made when it is not there
 * @param options.migrations the folder of migrations, all of which are applied when this resolves
 * @throws DataInUseError when another process has the directory
 */
export async function createPgliteDatabase(options: { dataDir?: string; migrations: string }): Promise<SqlDatabase> {
  const { dataDir, migrations } = options;
  const unlock = dataDir === undefined ? async () => {} : await openDirectory(dataDir);
  const thread = createPgliteThread(dataDir === undefined ? undefined : `${dataDir}/database`);
  const pool = new pg.Pool({ stream: thread.connect, ...settings, onConnect: begin });
  pool.on('error', () => {});
  const database = createPooledDatabase(pool, async () => {
    clearInterval(upkeep);
    await thread.stop();
    await unlock();
  });
  // What fails is tried again in the next round.
  const upkeep = setInterval(() => keepUp(database.query).catch(() => {}), upkeepMs);
  try {
    await migrateFirst(pool, migrations);
  } catch (error) {
    await database.stop();
    throw error;
  }
  return database;
}

async function migrateFirst(pool: pg.Pool, migrations: string): Promise<void> {
  const client = await pool.connect();
  try {
    await migrateOver(client, migrations);
  } finally {
    client.release();
  }
}

async function openDirectory(directory: string): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return lockDirectory(directory);
}

async function begin(client: pg.ClientBase): Promise<void> {
  for (const statement of forgetting) await client.query(statement);
  await prepare(client);
}
