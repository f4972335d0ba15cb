import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { createUploadCleanup } from '../../../api/domain/cleanup/upload-cleanup.ts';
import { fileKey, thumbnailKey } from '../../../api/domain/file-keys.ts';
import { createFileObjects } from '../../../api/infra/objects/files.ts';
import type { Objects } from '../../../api/infra/objects/objects.ts';
import { completeRound } from '../../support/cleanup.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { listedKeys } from '../../support/objects.ts';

const hour = 3_600_000;
let database: TestDatabase;
let objects: Objects;
let user: string;
let channel: string;

beforeAll(async () => {
  database = await openDatabase();
  return () => database.stop();
});
beforeEach(async () => {
  await database.empty();
  [user, channel] = [randomUUID(), randomUUID()];
  await database.query('INSERT INTO users (id, name, created_at) VALUES ($1, $2, now())', [user, 'Ada']);
  await database.query(
    `INSERT INTO channel (id, kind, visibility, created_at, last_activity_at) VALUES ($1, 'ROOM', 'PUBLIC', now(), now())`,
    [channel],
  );
  const directory = await mkdtemp(join(tmpdir(), 'parley-cleanup-'));
  objects = await createFileObjects({ directory });
  return () => rm(directory, { recursive: true });
});

/** Runs the cleanup; by default, the grace period is minus one hour, which makes every file old enough. */
const cleanUp = (graceMs = -hour, isCaughtUp = true) =>
  completeRound(createUploadCleanup({ database, objects, guard: { isCaughtUp: async () => isCaughtUp }, graceMs }));

async function store(...keys: string[]): Promise<void> {
  for (const key of keys) await objects.put(key, Readable.from([Buffer.from('x')]), { type: 'text/plain' });
}

async function addUpload({ isStored = true } = {}): Promise<string> {
  const id = randomUUID();
  await database.query(
    `INSERT INTO upload (id, user_id, channel_id, filename, mimetype, byte_size, created_at)
     VALUES ($1, $2, $3, 'a', 'text/plain', 1, now())`,
    [id, user, channel],
  );
  if (isStored) await store(fileKey(id), thumbnailKey(id));
  return id;
}

let seq = 0;
async function attach(id: string, deletedAt: Date | null = null): Promise<void> {
  const messageId = randomUUID();
  await database.query(
    `INSERT INTO entry (id, channel_id, author_id, kind, seq, position, text, sent_at, deleted_at)
     VALUES ($1, $2, $3, 'TEXT', $4, $4, 'x', now(), $5)`,
    [messageId, channel, user, ++seq, deletedAt],
  );
  await database.query('INSERT INTO attachment (id, message_id) VALUES ($1, $2)', [id, messageId]);
}

const keys = async (): Promise<string[]> => (await listedKeys(objects)).sort();

async function rows(): Promise<string[]> {
  return (await database.query<{ id: string }>('SELECT id FROM upload ORDER BY id')).map(({ id }) => id);
}

it('removes uploads that were never attached, and those of messages that were deleted or no longer exist', async () => {
  const [attached, unattached, deleted, orphaned, avatar] = [
    await addUpload(),
    await addUpload(),
    await addUpload(),
    await addUpload(),
    await addUpload(),
  ];
  await attach(attached);
  await attach(deleted, new Date());
  await database.query('INSERT INTO attachment (id, message_id) VALUES ($1, $2)', [orphaned, randomUUID()]);
  await database.query('UPDATE users SET avatar_id = $2 WHERE id = $1', [user, avatar]);

  await cleanUp();

  expect(await rows()).toEqual([attached, avatar].sort());
  expect(await keys()).toEqual([attached, avatar].flatMap((id) => [fileKey(id), thumbnailKey(id)]).sort());
  expect(unattached).not.toBe(attached);
});

it('keeps young files', async () => {
  const id = await addUpload();
  const stray = fileKey(randomUUID());
  await store(stray);
  await cleanUp(hour);
  expect(await rows()).toEqual([id]);
  expect(await keys()).toEqual([fileKey(id), thumbnailKey(id), stray].sort());
});

it('removes objects without a row, and unprocessed pictures that a killed process left behind', async () => {
  const id = await addUpload();
  await attach(id);
  await store(fileKey(randomUUID()), thumbnailKey(randomUUID()), `raw/${id}`, `raw/${randomUUID()}`);
  await cleanUp();
  expect(await keys()).toEqual([fileKey(id), thumbnailKey(id)].sort());
});

it('keeps files of messages, even if the upload has no row', async () => {
  const [attached, deleted] = [randomUUID(), randomUUID()];
  await attach(attached);
  await attach(deleted, new Date());
  await store(fileKey(attached), fileKey(deleted));
  await cleanUp();
  expect(await keys()).toEqual([fileKey(attached)]);
});

it('keeps files whose messages a restored database may still replay from the log', async () => {
  await database.query(`UPDATE channel SET last_activity_at = now() - interval '2 days'`);
  const id = await addUpload();
  const stray = fileKey(randomUUID());
  await store(stray);
  await cleanUp();
  expect(await rows()).toEqual([id]);
  expect(await keys()).toEqual([fileKey(id), thumbnailKey(id), stray].sort());
});

it('keeps objects of other applications', async () => {
  await store('something/else', 'file/no-id');
  await cleanUp();
  expect(await keys()).toEqual(['file/no-id', 'something/else']);
});

it('continues where another run was interrupted', async () => {
  const ids = [];
  for (let n = 0; n < 12; n++) ids.push(await addUpload({ isStored: n % 3 !== 0 }));
  const remove = objects.remove;
  objects.remove = async (some) => {
    await remove(some.slice(0, 3));
    throw new Error('killed');
  };
  await expect(cleanUp()).rejects.toThrow('killed');
  objects.remove = remove;
  await Promise.all([cleanUp(), cleanUp()]);
  expect(await rows()).toEqual([]);
  expect(await keys()).toEqual([]);
});

it('removes nothing while a partition is still replayed after a restore, although channels of others have new messages', async () => {
  const awaited = await addUpload();
  await store(fileKey(randomUUID()));

  await cleanUp(-hour, false);

  expect(await rows()).toEqual([awaited]);
  expect(await keys()).toHaveLength(3);
});
