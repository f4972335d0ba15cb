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

const open = (bounds: { user: number; channel: number }) => createQuotas({ database, bounds });
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

const take = (quotas: ReturnType<typeof open>, table: 'upload' | 'upload_ticket', file: FileOwner, bytes: number) =>
  quotas.take(file, bytes, (query) => query(inserts[table], { ...file, bytes }));

describe.each(databaseKinds)('room for files, over %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(async () => {
    await database.empty();
    channelId = randomUUID();
    users = [await addUser(), await addUser(), await addUser()];
  });

  it('is the user’s, and what is only announced takes it as well', async () => {
    const quotas = open({ user: 100, channel: 1_000 });
    const announced = fileOf();
    await take(quotas, 'upload_ticket', announced, 60);
    await expect(take(quotas, 'upload', fileOf(), 41)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(take(quotas, 'upload_ticket', fileOf(), 41)).rejects.toMatchObject({ code: 'CONFLICT' });
    await take(quotas, 'upload', announced, 60);
    await database.query('DELETE FROM upload_ticket');
    await take(quotas, 'upload', fileOf(users[0], null), 40);
    await take(quotas, 'upload', fileOf(users[1]), 100);
  });

  it('is the channel’s, however many bring files at once', async () => {
    const quotas = open({ user: 1_000, channel: 100 });
    const all = Array.from({ length: 30 }, (_, n) => take(quotas, 'upload', fileOf(users[n % 3]), 10));
    const refused = (await Promise.allSettled(all)).filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(20);
    expect(refused[0]).toMatchObject({ reason: { code: 'CONFLICT', message: /^This channel has no room/ } });
    await take(quotas, 'upload', fileOf(users[0], null), 10);
  });

  it('is taken by what is on its way in, until that has ended', async () => {
    const quotas = open({ user: 100, channel: 150 });
    const arrive = async (bytes: number, user?: string) =>
      (await quotas.meter(fileOf(user)))(Readable.from([Buffer.alloc(bytes)]));
    const slow = new Readable({ read: () => {} });
    slow.push(Buffer.alloc(80));
    const first = (await quotas.meter(fileOf()))(slow)[Symbol.asyncIterator]();
    await first.next();
    await expect(buffer(await arrive(60))).rejects.toMatchObject({ code: 'CONFLICT', message: /^You have no room/ });
    expect(await buffer(await arrive(20))).toHaveLength(20);
    await expect(buffer(await arrive(80, users[1]))).rejects.toMatchObject({ message: /^This channel has no room/ });
    slow.push(null);
    expect((await first.next()).done).toBe(true);
    expect(await buffer(await arrive(100))).toHaveLength(100);
  });

  it('that is taken up refuses a file before it is read', async () => {
    const quotas = open({ user: 100, channel: 1_000 });
    await take(quotas, 'upload', fileOf(), 100);
    await expect(quotas.meter(fileOf())).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});
