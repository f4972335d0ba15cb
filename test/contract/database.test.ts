import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { paths } from '../../api/config.ts';
import type { Query } from '../../api/infra/database/database.ts';
import { MigrationChangedError, type MigrationSession, migrate } from '../../api/infra/database/migrate.ts';
import { createPgliteDatabase } from '../../api/infra/database/pglite.ts';
import { describeDatabase } from './database.ts';

describeDatabase('in this process', () => createPgliteDatabase({ migrations: paths.migrations }));

describe('migrations', () => {
  let client: PGlite;
  let directory: string;
  const transaction = (work: (session: MigrationSession) => Promise<void>) =>
    client.transaction((tx) => {
      const query = (async (sql, parameters = []) => (await tx.query(sql, [...parameters])).rows) as Query;
      return work({ execute: (script) => tx.exec(script), query });
    });

  beforeAll(async () => {
    client = await PGlite.create();
    directory = await mkdtemp(join(tmpdir(), 'parley-migrations-'));
    await cp(paths.migrations, directory, { recursive: true });
  });
  afterAll(async () => {
    await client.close();
    await rm(directory, { recursive: true });
  });

  test('are applied once, however many processes begin at the same time, and recorded as Prisma does', async () => {
    await Promise.all([migrate(transaction, directory), migrate(transaction, directory)]);

    const { rows } = await client.query(
      'SELECT migration_name, length(checksum) AS digits FROM _prisma_migrations ORDER BY migration_name',
    );
    const names = ['0001_initial', '0002_blocks', '0003_uploads', '0004_direct_uploads'];
    expect(rows).toEqual(names.map((migration_name) => ({ migration_name, digits: 64 })));
  });

  test('that were applied may not change', async () => {
    await writeFile(join(directory, '0001_initial/migration.sql'), 'SELECT 1;');

    await expect(migrate(transaction, directory)).rejects.toBeInstanceOf(MigrationChangedError);
  });
});
