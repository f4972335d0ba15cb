import { randomUUID } from 'node:crypto';
import { beforeAll, expect, it } from 'vitest';
import { createChannelReads } from '../../../api/domain/channel-reads.ts';
import { portion } from '../../../api/domain/cleanup/job.ts';
import { createNameKeys } from '../../../api/domain/cleanup/name-keys.ts';
import type { Query } from '../../../api/infra/database/database.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
const job = () => createNameKeys(database);
const keys = () =>
  database.query<{ name: string; key: string }>('SELECT name, name_key AS key FROM users ORDER BY name');

beforeAll(async () => {
  database = await openDatabase();
  return () => database.stop();
});

it('computes missing keys of users and rooms in portions, and no others', async () => {
  await database.empty();
  const rows = [['Straße', null] as const, ['ada', 'kept'] as const];
  for (const [name, nameKey] of rows)
    await database.prisma.user.create({ data: { id: randomUUID(), createdAt: new Date(), name, nameKey } });
  await addUsers(portion);
  await addRoom('Σίσυφος');
  const first = await job().step(null);
  expect(first).toEqual({ next: '', removed: {} });
  expect(await job().step(first?.next ?? null)).toEqual({ next: null, removed: {} });
  expect(new Set((await keys()).map(({ key }) => key))).toEqual(new Set(['kept', 'strasse', 'bob']));
  expect(await roomsFound('ΣΊΣΥΦΟΣ')).toEqual(['Σίσυφος']);
});

it.each([
  ['goes on after a portion of which some names changed meanwhile', '(SELECT min(id::text)::uuid FROM users)', ''],
  ['ends a round in which all names of a portion changed meanwhile', 'id', null],
])('%s', async (_, changed, next) => {
  await database.empty();
  await addUsers(portion);
  const query: Query = async (statement, parameters) => {
    const rows = await database.query(statement, parameters);
    await database.query(`UPDATE users SET name = name || 'by' WHERE name_key IS NULL AND id = ${changed}`);
    return rows;
  };
  expect(await createNameKeys({ query }).step(null)).toEqual({ next, removed: {} });
});

it('a process of the former release, which knows no keys, makes a key missing by renaming', async () => {
  await database.empty();
  const id = randomUUID();
  await database.prisma.user.create({ data: { id, createdAt: new Date(), name: 'Ada', nameKey: 'ada' } });
  await database.query('UPDATE users SET name = $2, last_seen_at = now() WHERE id = $1', [id, 'Ada']);
  expect(await keys()).toEqual([{ name: 'Ada', key: 'ada' }]);
  await database.query('UPDATE users SET name = $2 WHERE id = $1', [id, 'Straße']);
  expect(await keys()).toEqual([{ name: 'Straße', key: null }]);
  await database.prisma.user.update({ where: { id }, data: { name: 'Ben', nameKey: 'ben' } });
  expect(await keys()).toEqual([{ name: 'Ben', key: 'ben' }]);
});

it('a key that is written stays, also if another form of the name has the same', async () => {
  await database.empty();
  const id = randomUUID();
  await database.prisma.user.create({ data: { id, createdAt: new Date(), name: 'Straße', nameKey: 'strasse' } });
  await database.prisma.user.update({ where: { id }, data: { name: 'STRASSE', nameKey: 'strasse' } });
  expect(await keys()).toEqual([{ name: 'STRASSE', key: 'strasse' }]);
});

it('rooms without a key are found by the lower case of their name', async () => {
  await database.empty();
  await addRoom('Tea Room');
  expect(await roomsFound('tEA')).toEqual(['Tea Room']);
});

function addUsers(count: number): Promise<unknown> {
  return database.query(
    `INSERT INTO users (id, name, created_at) SELECT gen_random_uuid(), 'Ｂob', now() FROM generate_series(1, ${count})`,
  );
}

function addRoom(name: string): Promise<unknown> {
  return database.query(
    `INSERT INTO channel (id, kind, visibility, name, created_at, last_activity_at)
     VALUES (gen_random_uuid(), 'ROOM', 'PUBLIC', $1, now(), now())`,
    [name],
  );
}

async function roomsFound(search: string): Promise<(string | null)[]> {
  const page = { limit: 10, backward: false, after: null, before: null };
  const { items } = await createChannelReads(database).rooms(search, page, randomUUID());
  return items.map(({ name }) => name);
}
