import { readdir, readFile } from 'node:fs/promises';
import { PGlite } from '@electric-sql/pglite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { paths } from '../../api/config.ts';
import type { TextQuery } from '../../api/infra/database/database.ts';
import { readableSeq } from '../../api/infra/database/entries.ts';
import { migrate } from '../../api/infra/database/migrate.ts';
import { statement, statements } from '../../api/infra/database/statement.ts';
import type { Column } from '../../api/infra/database/table.ts';
import { enums, tables } from '../../api/infra/database/tables.ts';
import { arrayOf, uuid } from '../../api/infra/database/types.ts';

const api = new URL('../../api/', import.meta.url);

/** Folders whose statements run for nobody who reads: jobs, and the bridge, which decides by the rules. */
const withoutReaders = /^(bridge|domain\/(cleanup|erasure))\//;

/** Declares the statements of the server: each module that has some is imported. @returns those that may run for readers */
async function importStatements(): Promise<readonly (typeof statements)[number][]> {
  const files = (await readdir(api, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const declare = async (some: readonly string[]) => {
    for (const file of some)
      if (/\bstatement\(/.test(await readFile(new URL(file, api), 'utf8'))) await import(new URL(file, api).href);
  };
  await declare(files.filter((file) => !withoutReaders.test(file)));
  const forReaders = [...statements];
  await declare(files.filter((file) => withoutReaders.test(file)));
  return forReaders;
}

const forReaders = await importStatements();

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

/** Statements that read entries for no reader in particular, by their beginnings, with the part that hides entries from readers. */
const hiddenElsewhere: Readonly<Record<string, RegExp>> = {
  'canReadEntry, the rules, or the reader of a live stream': /^SELECT e\.id, .* FROM entry e WHERE e\.id = ANY/,
  'the rules, by facts that it reads': /^SELECT e\.channel_id AS "entry\.channelId", e\.seq AS "entry\.seq"/,
  'the readers of live streams': /^SELECT c\.position AS head/,
  'nothing: a number of changes that bounds a replay':
    /^SELECT \(SELECT count\(\*\)::int FROM (\( SELECT FROM )?entry e WHERE/,
  'nothing: positions of channels and offsets of joinings': /^WITH log AS MATERIALIZED/,
  'unreadAfter, for each of the members who are counted': /^SELECT array_agg\(e\.seq/,
  'the URL, which is signed for readers of the message': /^SELECT u\.filename/,
};

describe('a statement that reads entries for users leaves out those that are hidden from them', () => {
  const reading = forReaders.filter(({ text }) => /\b(FROM|JOIN) (entry|mention)\b/.test(text));
  const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim();

  test.each(reading.map((one) => [titleOf(one), one] as const))('%s', (_, { text }) => {
    const isElsewhere = Object.values(hiddenElsewhere).some((beginning) => beginning.test(oneLine(text)));
    expect(text.includes(readableSeq('h')) || text.includes(readableSeq('m'))).toBe(!isElsewhere);
  });

  test.each(Object.entries(hiddenElsewhere))('except that it is hidden by %s', (_, beginning) => {
    expect(reading.some(({ text }) => beginning.test(oneLine(text)))).toBe(true);
  });
});

describe('PostgreSQL prepares the statement, and its result has the declared columns', () => {
  test.each(statements.map((one) => [titleOf(one), one] as const))('%s', async (_, { text, row }) => {
    const { resultFields } = await database.describeQuery(text);
    const columns = resultFields.map(({ name, dataTypeID }) => [name, typeNames.get(dataTypeID)]);
    const declared = Object.entries(row).map(([name, type]) => [name, (type as { name: string }).name]);
    expect(columns.sort()).toEqual(declared.sort());
  });
});
