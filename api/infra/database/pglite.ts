import pg from 'pg';
import { explainDiskError } from '../../disk-errors.ts';
import { checkSpace } from '../../disk-space.ts';
import { ignore } from '../../ignore.ts';
import { makePrivateDirectory } from '../../private-directory.ts';
import type { SqlDatabase } from './database.ts';
import { lockDirectory } from './directory-lock.ts';
import { createKeptRows } from './kept-rows.ts';
import { createDatabaseDirectory } from './pglite-directory.ts';
import { runMaintenance } from './pglite-maintenance.ts';
import { explainDatabaseError } from './pglite-start.ts';
import { createPgliteThread, type PgliteThread } from './pglite-thread.ts';
import { createPooledDatabase, migrateOver, prepare } from './postgres-pool.ts';

/** One permanent connection, as PGlite's only user. */
const settings = { max: 1, idleTimeoutMillis: 0, pipeline: true, user: 'postgres', database: 'postgres' };

/** Milliseconds that a reader's statement waits for its turn by default. */
const defaultReadWaitMs = 10_000;

/** Interval of autovacuum in PostgreSQL's default settings. */
const maintenanceMs = 60_000;

/** Discards the state that an earlier connection left in the one session. */
const resetSession = ['ROLLBACK', 'DISCARD ALL'];

interface DatabaseOptions {
  readWaitMs?: number;
  migrations: string;
}

/**
 * Opens PostgreSQL in a thread of this process, over files in a directory that it locks. There is one session, so transactions
 * and statements run one after another.
 * @param options.dataDir directory of the files, created when missing
 * @param options.readWaitMs milliseconds that a reader's statement waits for its turn; 10,000 by default
 * @param options.migrations folder of migrations, all of which are applied when this resolves
 * @param options.stopping interrupts the creation of a database
 * @throws DataInUseError when another process uses the directory; StartError when the directory cannot be used, or the
 *   database in it cannot be opened; StartInterruptedError
 */
export async function createPgliteDatabase(
  options: DatabaseOptions & { dataDir: string; stopping?: AbortSignal },
): Promise<SqlDatabase> {
  const { dataDir } = options;
  const unlock = await lockDataDirectory(dataDir);
  const directory = `${dataDir}/database`;
  try {
    await createDatabaseDirectory(directory, options.stopping);
    const database = await openDatabase(createPgliteThread({ dataDir: directory }), options, unlock);
    return {
      ...database,
      // The database may still respond while its disk is full.
      async ready() {
        await database.ready();
        await checkSpace(directory);
      },
    };
  } catch (error) {
    await unlock();
    throw await explainDatabaseError(error, dataDir);
  }
}

/** A database in memory, whose rows can be restored. */
export type MemoryDatabase = SqlDatabase & ReturnType<typeof createKeptRows>;

/**
 * Opens PostgreSQL as `createPgliteDatabase` does, in memory.
 * @param options.image files of an empty database, as `pglite-image.js` writes them, uncompressed; without them they are created,
 *   which takes longer
 */
export async function createMemoryDatabase(
  options: DatabaseOptions & { image?: Uint8Array | undefined },
): Promise<MemoryDatabase> {
  const { image } = options;
  const thread = createPgliteThread(image === undefined ? {} : { image });
  const database = await openDatabase(thread, options, async () => {});
  return { ...database, ...createKeptRows(database) };
}

async function lockDataDirectory(dataDir: string): Promise<() => Promise<void>> {
  try {
    await makePrivateDirectory(dataDir);
    return await lockDirectory(dataDir);
  } catch (error) {
    throw explainDiskError(error, dataDir);
  }
}

async function openDatabase(
  thread: PgliteThread,
  { migrations, readWaitMs = defaultReadWaitMs }: DatabaseOptions,
  unlock: () => Promise<void>,
): Promise<SqlDatabase> {
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
