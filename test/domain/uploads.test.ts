import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import sharp from 'sharp';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { Viewer } from '../../api/domain/auth.ts';
import { createFileUrls } from '../../api/domain/file-urls.ts';
import { createPictures } from '../../api/domain/pictures.ts';
import { noRateLimits } from '../../api/domain/rate-limits.ts';
import { createUploadPermission } from '../../api/domain/upload-permission.ts';
import { createUploads } from '../../api/domain/uploads.ts';
import { UnavailableError } from '../../api/errors.ts';
import { createFileObjects } from '../../api/infra/objects/files.ts';
import type { Objects } from '../../api/infra/objects/objects.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { createTestLogger } from '../support/logger.ts';
import { listedKeys } from '../support/objects.ts';
import { patienceMs } from '../support/patience.ts';

const hour = 3_600_000;
const from = { address: '127.0.0.1' };
let database: TestDatabase;
let objects: Objects;
let viewer: Viewer;
const pictures = createPictures({ rateLimits: noRateLimits, logger: createTestLogger(), timeoutMs: patienceMs });

beforeAll(async () => {
  database = await openDatabase();
  return async () => {
    pictures.stop();
    await database.stop();
  };
});
beforeEach(async () => {
  await database.empty();
  viewer = { userId: randomUUID() } as Viewer;
  await database.query('INSERT INTO users (id, name, created_at) VALUES ($1, $2, now())', [viewer.userId, 'Ada']);
  const directory = await mkdtemp(join(tmpdir(), 'parley-uploads-'));
  objects = await createFileObjects({ directory });
  return () => rm(directory, { recursive: true });
});

const open = (attachableMs = hour) =>
  createUploads({
    database,
    objects,
    access: { requireSend: async () => {} },
    userCache: { isGuest: async () => false },
    pictures,
    urls: createFileUrls({ secrets: ['x'], publicUrl: '', windowMs: hour }),
    bounds: { file: 1_000_000, user: 10_000_000, guest: 10_000_000, channel: 10_000_000, total: 100_000_000 },
    attachableMs,
    rateLimits: noRateLimits,
  });

/** Announces a direct upload and posts its content. */
async function postFile(bytes: Buffer, channelId: string | null = null): Promise<string> {
  const id = randomUUID();
  await database.query(
    `INSERT INTO upload_ticket (id, user_id, channel_id, filename, byte_size, created_at)
     VALUES ($1, $2, $3, 'a', $4, now())`,
    [id, viewer.userId, channelId, bytes.length],
  );
  await objects.put(`raw/${id}`, Readable.from([bytes]), { type: 'application/octet-stream' });
  return id;
}

const picture = () =>
  sharp({ create: { width: 30, height: 20, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();

const keys = async (): Promise<string[]> => (await listedKeys(objects)).sort();

it('a direct upload can be finished again after the store failed, and leaves no other objects behind', async () => {
  const id = await postFile(await picture());
  const put = objects.put;
  objects.put = async (key, ...more) => {
    if (key.startsWith('thumbnail/')) throw new UnavailableError('unavailable');
    return put(key, ...more);
  };
  await expect(open().finishUpload(viewer, id)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  objects.put = put;
  expect(await open().finishUpload(viewer, id)).toMatchObject({ id, mimetype: 'image/png', width: 30 });
  expect(await keys()).toEqual([`file/${id}`, `thumbnail/${id}`]);
  expect(await database.prisma.uploadTicket.count()).toBe(0);
});

it('a file that is replaced by one of another type while it is imported is rejected', async () => {
  const bytes = randomBytes(100);
  const id = await postFile(Buffer.alloc(100, 'a'), randomUUID());
  const copy = objects.copy;
  objects.copy = async (...given) => {
    await objects.put(`raw/${id}`, Readable.from([bytes]), { type: 'text/plain' });
    return copy(...given);
  };
  await expect(open().finishUpload(viewer, id)).rejects.toMatchObject({ code: 'CONFLICT' });
  objects.copy = copy;
  expect(await open().finishUpload(viewer, id)).toMatchObject({ mimetype: 'application/octet-stream' });
  const kept = await objects.get(`file/${id}`);
  expect(kept && (await buffer(kept)).equals(bytes)).toBe(true);
});

it('a file that could not be stored does not count against the quota', async () => {
  const incoming = (chunks: number) => {
    const body = Readable.from(Array.from({ length: chunks }, () => Buffer.alloc(100_000, 'a')));
    return { channelId: randomUUID(), file: async () => ({ filename: 'a', body }) };
  };
  const uploads = open();
  const put = objects.put;
  objects.put = () => Promise.reject(new UnavailableError('unavailable'));
  for (let n = 0; n < 3; n++) {
    await expect(uploads.upload(viewer, from, incoming(90))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  }
  objects.put = put;
  expect(await uploads.upload(viewer, from, incoming(100))).toMatchObject({ byteSize: 10_000_000 });
});

it('an upload that is too old, and may be removed, can be neither finished nor made an avatar unless it is one', async () => {
  const [late, avatar] = [await postFile(await picture()), await postFile(await picture())];
  await open().finishUpload(viewer, avatar);
  await expect(open(-1).finishUpload(viewer, late)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(await open().ownPicture(viewer, avatar)).toMatchObject({ id: avatar });
  expect(await open(-1).ownPicture(viewer, avatar)).toBeNull();
  await database.prisma.user.update({ where: { id: viewer.userId }, data: { avatarId: avatar } });
  expect(await open(-1).ownPicture(viewer, avatar)).toMatchObject({ id: avatar });
});

it('without a channel only pictures can be uploaded, streamed or posted', async () => {
  const refusal = { code: 'BAD_USER_INPUT', extensions: { fields: [{ path: 'file' }] } };
  for (const bytes of [
    Buffer.from('some text'),
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    randomBytes(99),
  ]) {
    const file = async () => ({ filename: 'a.png', body: Readable.from([bytes]) });
    await expect(open().upload(viewer, from, { channelId: null, file })).rejects.toMatchObject(refusal);
    await expect(open().finishUpload(viewer, await postFile(bytes))).rejects.toMatchObject(refusal);
  }
  expect(await keys()).toEqual([]);
  const file = async () => ({ filename: 'a.png', body: Readable.from([await picture()]) });
  expect(await open().upload(viewer, from, { channelId: null, file })).toMatchObject({ mimetype: 'image/png' });
});

it('files without a channel that former releases stored are no longer served, unless they are pictures', async () => {
  const { id } = await open().upload(viewer, from, {
    channelId: randomUUID(),
    file: async () => ({ filename: 'a', body: Readable.from([Buffer.from('some text')]) }),
  });
  expect(await open().findFile(id, 'file')).toMatchObject({ filename: 'a', size: 9 });
  await database.query('UPDATE upload SET channel_id = NULL WHERE id = $1', [id]);
  expect(await open().findFile(id, 'file')).toBeNull();
});

it('uploads of guests count for their address', async () => {
  const counted: string[] = [];
  const count = (name: string) => ({ take: async (key: string) => void counted.push(`${name} ${key}`) });
  const permission = createUploadPermission({
    access: { requireSend: async () => {} },
    userCache: { isGuest: async (userId) => userId.startsWith('guest') },
    rateLimits: { ...noRateLimits, shared: count, ofAddress: count },
  });
  await permission.check('guest', null, '2001:db8::1');
  await permission.check('ada', null, '2001:db8::1');
  expect(counted).toEqual(['uploads guest', 'guest-uploads-day 2001:db8::1', 'uploads ada']);
});
