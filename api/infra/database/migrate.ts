import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { TextQuery } from './database.ts';

/** A connection in a transaction. */
export interface MigrationSession {
  /** Runs a script of several statements. */
  execute(script: string): Promise<unknown>;
  query: TextQuery;
}

/** A migration that was applied is not the one in the folder: the database was made by other code. */
export class MigrationChangedError extends Error {
  override readonly name = 'MigrationChangedError';
}

/** What `prisma migrate` keeps its records in, so that both agree on what was applied. */
const table = `
CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;
/** The advisory lock that `prisma migrate` takes. */
const lockKey = 72_707_369;

/**
 * Applies the migrations that the database lacks, in order of their names, in one transaction. Processes may call it at
 * the same time: one goes first, the others find nothing left to do.
 * @param transaction runs work in a transaction
 * @param directory Prisma's layout: a folder a migration, with a `migration.sql`
 * @throws MigrationChangedError when one that was applied reads otherwise now
 */
export async function migrate(
  transaction: (work: (session: MigrationSession) => Promise<void>) => Promise<void>,
  directory: string,
): Promise<void> {
  const migrations = await readMigrations(directory);
  await transaction(async (session) => {
    await session.query(`SELECT pg_advisory_xact_lock(${lockKey})`);
    await session.execute(table);
    const rows = await session.query<{ name: string; checksum: string }>(
      'SELECT migration_name AS name, checksum FROM _prisma_migrations WHERE rolled_back_at IS NULL',
    );
    const applied = new Map(rows.map(({ name, checksum }) => [name, checksum]));
    for (const migration of migrations) await apply(session, migration, applied.get(migration.name));
  });
}

interface Migration {
  name: string;
  script: string;
  checksum: string;
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const folders = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const names = folders.map(({ name }) => name).sort();
  return Promise.all(
    names.map(async (name) => {
      const script = await readFile(`${directory}/${name}/migration.sql`, 'utf8');
      return { name, script, checksum: createHash('sha256').update(script).digest('hex') };
    }),
  );
}

async function apply(session: MigrationSession, migration: Migration, appliedAs: string | undefined): Promise<void> {
  const { name, script, checksum } = migration;
  if (appliedAs === checksum) return;
  if (appliedAs !== undefined) {
    throw new MigrationChangedError(
      `Migration ${name} was applied in another form. Migrations never change: add a new one.`,
    );
  }
  await session.execute(script);
  await session.query(
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
     VALUES ($1, $2, $3, now(), 1)`,
    [randomUUID(), checksum, name],
  );
}
