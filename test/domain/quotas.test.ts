import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createQuotas, type FileOwner } from '../../api/domain/quotas.ts';
import { statement } from '../../api/infra/database/statement.ts';
import { int4, nullable, uuid } from '../../api/infra/database/types.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let channelId: string;
let users: string[];

async function addUser(): Promise<string> {
  const id = randomUUID();
  await database.query('INSERT INTO users (id, name, created_at) VALUES ($1, $2, now())', [id, 'Ada']);
  return id;
}

const open = (bounds: { user: number; channel: number; guest?: number; total?: number }) =>
  createQuotas({ database, bounds: { guest: bounds.user, total: 1_000_000, ...bounds } });
const fileOf = (userId = users[0] ?? '', channel: string | null = channelId): FileOwner => ({
  id: randomUUID(),
  userId,
  channelId: channel,
});

const parameters = { id: uuid, userId: uuid, channelId: nullable(uuid), bytes: int4 };
const inserts = {
  upload: statement({
    sql: `INSERT INTO upload (id, user_id, channel_id, filename, mimetype, byte_size, created_at)
      VALUES ($id, $userId, $channelId, 'a', 'text/plain', $bytes, now())`,
    parameters,
  }),
  upload_ticket: statement({
    sql: `INSERT INTO upload_ticket (id, user_id, channel_id, filename, byte_size, created_at)
      VALUES ($id, $userId, $channelId, 'a', $bytes, now())`,
    parameters,
  }),
};

const reserve = (quotas: ReturnType<typeof open>, table: 'upload' | 'upload_ticket', file: FileOwner, bytes: number) =>
  quotas.reserve(file, bytes, (query) => query(inserts[table], { ...file, bytes }));

describe.each(databaseKinds)('the quota for files, over %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(async () => {
    await database.empty();
    channelId = randomUUID();
    users = [await addUser(), await addUser(), await addUser()];
  });

  it('limits each user, and counts announced uploads', async () => {
    const quotas = open({ user: 100, channel: 1_000 });
    const announced = fileOf();
    await reserve(quotas, 'upload_ticket', announced, 60);
    await expect(reserve(quotas, 'upload', fileOf(), 41)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(reserve(quotas, 'upload_ticket', fileOf(), 41)).rejects.toMatchObject({ code: 'CONFLICT' });
    await reserve(quotas, 'upload', announced, 60);
    await database.query('DELETE FROM upload_ticket');
    await reserve(quotas, 'upload', fileOf(users[0], null), 40);
    await reserve(quotas, 'upload', fileOf(users[1]), 100);
  });

  it('limits each channel, however many files are stored at once', async () => {
    const quotas = open({ user: 1_000, channel: 100 });
    const all = Array.from({ length: 30 }, (_, n) => reserve(quotas, 'upload', fileOf(users[n % 3]), 10));
    const rejected = (await Promise.allSettled(all)).filter(({ status }) => status === 'rejected');
    expect(rejected).toHaveLength(20);
    expect(rejected[0]).toMatchObject({ reason: { code: 'CONFLICT', message: /^This channel has no room/ } });
    await reserve(quotas, 'upload', fileOf(users[0], null), 10);
  });

  it('counts files that are being received, until they end', async () => {
    const quotas = open({ user: 100, channel: 150 });
    const receive = async (bytes: number, user?: string) =>
      (await quotas.limitIncoming(fileOf(user)))(Readable.from([Buffer.alloc(bytes)]));
    const slow = new Readable({ read: () => {} });
    slow.push(Buffer.alloc(80));
    const first = (await quotas.limitIncoming(fileOf()))(slow)[Symbol.asyncIterator]();
    await first.next();
    await expect(buffer(await receive(60))).rejects.toMatchObject({ code: 'CONFLICT', message: /^You have no room/ });
    expect(await buffer(await receive(20))).toHaveLength(20);
    await expect(buffer(await receive(80, users[1]))).rejects.toMatchObject({ message: /^This channel has no room/ });
    slow.push(null);
    expect((await first.next()).done).toBe(true);
    expect(await buffer(await receive(100))).toHaveLength(100);
  });

  it('rejects a file before it is read if it is used up', async () => {
    const quotas = open({ user: 100, channel: 1_000 });
    await reserve(quotas, 'upload', fileOf(), 100);
    await expect(quotas.limitIncoming(fileOf())).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('limits guests more than registered users, until they register', async () => {
    const quotas = open({ user: 1_000, guest: 100, channel: 10_000 });
    await reserve(quotas, 'upload', fileOf(), 100);
    await expect(reserve(quotas, 'upload', fileOf(), 1)).rejects.toMatchObject({ code: 'CONFLICT' });
    await database.query(`UPDATE users SET password_hash = 'x', email = 'ada@example.org' WHERE id = $1`, [users[0]]);
    await reserve(quotas, 'upload', fileOf(), 900);
    await expect(reserve(quotas, 'upload', fileOf(), 1)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('limits all files together: stored, announced and being received', async () => {
    const quotas = open({ user: 1_000, channel: 10_000, total: 100 });
    await reserve(quotas, 'upload', fileOf(users[0]), 50);
    const announced = fileOf(users[1]);
    await reserve(quotas, 'upload_ticket', announced, 40);
    await expect(reserve(quotas, 'upload', fileOf(users[2]), 11)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const receiving = (await quotas.limitIncoming(fileOf(users[2], null)))(Readable.from([Buffer.alloc(11)]));
    await expect(buffer(receiving)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await reserve(quotas, 'upload', { ...announced, announcedBytes: 40 }, 40);
    await database.query('DELETE FROM upload_ticket');
    await reserve(quotas, 'upload', fileOf(users[2]), 10);
    await expect(quotas.limitIncoming(fileOf(users[2]))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('counts files of all processes at once, and those that were removed no longer', async () => {
    const bounds = { user: 1_000, channel: 10_000, total: 100 };
    const [here, there] = [open(bounds), open(bounds)];
    await reserve(here, 'upload', fileOf(), 10);
    await reserve(there, 'upload_ticket', fileOf(), 80);
    await expect(reserve(here, 'upload', fileOf(), 11)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await database.query('DELETE FROM upload_ticket');
    await reserve(here, 'upload', fileOf(), 80);
    await database.query('DELETE FROM users');
    await addUser().then((user) => reserve(there, 'upload', fileOf(user), 100));
  });

  it('keeps the sum of all files in a few rows, however many transactions change it at once', async () => {
    const quotas = open({ user: 1_000_000, channel: 1_000_000 });
    await Promise.all(Array.from({ length: 40 }, (_, n) => reserve(quotas, 'upload', fileOf(users[n % 3]), n)));
    await database.query('DELETE FROM upload WHERE byte_size % 2 = 0');
    const [sum] = await database.query<{ rows: number; bytes: number }>(
      'SELECT count(*)::int AS rows, sum(bytes)::int AS bytes FROM stored_bytes',
    );
    expect(sum?.bytes).toBe(400);
    expect(sum?.rows).toBeLessThanOrEqual(17);
  });
});
