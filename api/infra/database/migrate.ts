import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { StartError } from '../../start-errors.ts';
import type { TextQuery } from './database.ts';
import { takeMigrationLock } from './migration-lock.ts';

/** A connection with an open transaction. */
export interface MigrationSession {
  /** Runs a script of several statements. */
  execute(script: string): Promise<unknown>;
  query: TextQuery;
}

/** Thrown when a migration that was applied differs from the one in the folder: other code created the database. */
export class MigrationChangedError extends StartError {
  override readonly name = 'MigrationChangedError';
}

/** Table of `prisma migrate`, shared so that both know the same applied migrations. */
const table = `
CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(), applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;
/**
 * Applies missing migrations in order of their names, in one transaction. Several processes may call it at the same
 * time: the first one applies them, the others find nothing left to do.
 * @param transaction runs a function in a transaction
 * @param directory folder in Prisma's layout: one folder for each migration, with a `migration.sql`
 * @throws MigrationChangedError when an applied migration has been changed
 */
export async function migrate(
  transaction: (work: (session: MigrationSession) => Promise<void>) => Promise<void>,
  directory: string,
): Promise<void> {
  const migrations = await readMigrations(directory);
  await transaction(async (session) => {
    await session.query(takeMigrationLock);
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
      `Migration ${name} was changed after it had been applied. Migrations never change: add a new one.`,
    );
  }
  await session.execute(script);
  await session.query(
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
     VALUES ($1, $2, $3, now(), 1)`,
    [randomUUID(), checksum, name],
  );
}
