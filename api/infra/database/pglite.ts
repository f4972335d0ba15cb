import { mkdir } from 'node:fs/promises';
import { PGlite, types } from '@electric-sql/pglite';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { PrismaClient } from '../../../prisma/generated/client.ts';
import type { Database, Query } from './database.ts';
import { lockDirectory } from './lock.ts';
import { migrate } from './migrate.ts';
import { translateErrors } from './prisma-driver.ts';
import { translate, unavailable } from './unavailable.ts';

/**
 * PostgreSQL in this process, over files in a directory that no other process may use meanwhile; or, without one, in
 * memory.
 * @param options.dataDir made when it is not there
 * @param options.migrations the folder of migrations, all of which are applied when this resolves
 * @throws DataInUseError when another process has the directory
 */
export async function createPgliteDatabase(options: { dataDir?: string; migrations: string }): Promise<Database> {
  const { dataDir, migrations } = options;
  const unlock = dataDir === undefined ? async () => {} : await openDirectory(dataDir);
  const client = await PGlite.create({
    ...(dataDir === undefined ? {} : { dataDir: `${dataDir}/database` }),
    relaxedDurability: false,
    parsers: { [types.INT8]: (value) => value },
  });
  await migrate(
    (work) => client.transaction((tx) => work({ execute: (script) => tx.exec(script), query: queryOf(tx) })),
    migrations,
  );
  const prisma = new PrismaClient({ adapter: translateErrors(new PrismaPGlite(client), translateClosed) });

  return {
    prisma,
    query: queryOf(client),
    transaction: (work) => client.transaction((tx) => work(queryOf(tx))).catch(translateClosed),
    async ready() {
      await client.query('SELECT 1');
    },
    async stop() {
      await prisma.$disconnect();
      await client.close();
      await unlock();
    },
  };
}

async function openDirectory(directory: string): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return lockDirectory(directory);
}

function queryOf(client: Pick<PGlite, 'query'>): Query {
  return async <Row>(sql: string, parameters: readonly unknown[] = []) => {
    const { rows } = await client.query<Row>(sql, [...parameters]).catch(translateClosed);
    return rows;
  };
}

function translateClosed(error: unknown): never {
  if (isClosed(error)) throw unavailable(error);
  return translate(error);
}

function isClosed(error: unknown): boolean {
  return error instanceof Error && /PGlite (is|instance is|not) ?(closed|closing|ready)/i.test(error.message);
}
