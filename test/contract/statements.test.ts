import { readdir, readFile } from 'node:fs/promises';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { paths } from '../../api/config.ts';
import type { TextQuery } from '../../api/infra/database/database.ts';
import { migrate } from '../../api/infra/database/migrate.ts';
import { statement, statements } from '../../api/infra/database/statement.ts';
import type { Column } from '../../api/infra/database/table.ts';
import { enums, tables } from '../../api/infra/database/tables.ts';
import { arrayOf, uuid } from '../../api/infra/database/types.ts';

const api = new URL('../../api/', import.meta.url);

/** Declares the statements of the server: each module that has some is imported. */
async function importStatements(): Promise<void> {
  const files = (await readdir(api, { recursive: true })).filter((file) => file.endsWith('.ts'));
  for (const file of files) {
    if (/\bstatement\(/.test(await readFile(new URL(file, api), 'utf8'))) await import(new URL(file, api).href);
  }
}

await importStatements();

/** Returns the beginning of the text. */
const titleOf = ({ text }: { text: string }) => text.replace(/\s+/g, ' ').trim().slice(0, 100);

let database: PGlite;
let typeNames: Map<number, string>;

beforeAll(async () => {
  database = await PGlite.create();
  await migrate(
    (work) =>
      database.transaction((tx) => {
        const query = (async (text, parameters = []) => (await tx.query(text, [...parameters])).rows) as TextQuery;
        return work({ execute: (script) => tx.exec(script), query });
      }),
    paths.migrations,
  );
  const types = await database.query<{ oid: number; name: string }>(
    'SELECT oid::int, format_type(oid, NULL) AS name FROM pg_type',
  );
  typeNames = new Map(types.rows.map(({ oid, name }) => [oid, name]));
});
afterAll(() => database.close());

describe('the tables written from schema.prisma are those of the migrated database', () => {
  test.each(Object.values(tables).map((table) => [table.name, table] as const))('%s', async (name, table) => {
    const { rows } = await database.query(
      `SELECT attname AS column, format_type(atttypid, NULL) AS name, NOT attnotnull AS "isNullable"
       FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname`,
      [name],
    );
    const columns: Column<unknown>[] = Object.values(table.columns);
    const declared = columns.map(({ column, name, isNullable }) => ({ column, name, isNullable }));
    expect(declared.sort((one, other) => (one.column < other.column ? -1 : 1))).toEqual(rows);
  });

  test.each(Object.values(enums).map((type) => [type.name, type] as const))('%s', async (name, { labels }) => {
    const { rows } = await database.query<{ labels: string[] }>(
      'SELECT array_agg(enumlabel::text ORDER BY enumsortorder) AS labels FROM pg_enum WHERE enumtypid = $1::regtype',
      [name],
    );
    expect(labels).toEqual(rows[0]?.labels);
  });
});

test('a statement that names a parameter without a type is refused', () => {
  expect(() => statement({ sql: 'SELECT $id', parameters: { ids: arrayOf(uuid) } })).toThrow('$id');
});

describe('PostgreSQL prepares the statement, and its result has the declared columns', () => {
  test.each(statements.map((one) => [titleOf(one), one] as const))('%s', async (_, { text, row }) => {
    const { resultFields } = await database.describeQuery(text);
    const columns = resultFields.map(({ name, dataTypeID }) => [name, typeNames.get(dataTypeID)]);
    const declared = Object.entries(row).map(([name, type]) => [name, (type as { name: string }).name]);
    expect(columns.sort()).toEqual(declared.sort());
  });
});
