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
import { noRateLimits } from '../../api/domain/rate-limits.ts';
import { createUploads } from '../../api/domain/uploads.ts';
import { UnavailableError } from '../../api/errors.ts';
import { createFileObjects } from '../../api/infra/objects/files.ts';
import type { Objects } from '../../api/infra/objects/objects.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';

const hour = 3_600_000;
let database: TestDatabase;
let objects: Objects;
let viewer: Viewer;

beforeAll(async () => {
  database = await openDatabase();
  return () => database.stop();
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
    access: { requireSend: () => Promise.reject(new Error('no channel is used here')) },
    urls: createFileUrls({ secrets: ['x'], publicUrl: '' }),
    bounds: { file: 1_000_000, user: 10_000_000, channel: 10_000_000 },
    attachableMs,
    rateLimits: noRateLimits,
  });

/** Announces a direct upload and posts its content. */
async function postFile(bytes: Buffer): Promise<string> {
  const id = randomUUID();
  await database.query(
    `INSERT INTO upload_ticket (id, user_id, filename, byte_size, created_at) VALUES ($1, $2, 'a', $3, now())`,
    [id, viewer.userId, bytes.length],
  );
  await objects.put(`raw/${id}`, Readable.from([bytes]), { type: 'application/octet-stream' });
  return id;
}

const picture = () =>
  sharp({ create: { width: 30, height: 20, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();

async function keys(): Promise<string[]> {
  const found = [];
  for await (const { key } of objects.list()) found.push(key);
  return found.sort();
}

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
  const id = await postFile(Buffer.alloc(100, 'a'));
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
    return { channelId: null, file: async () => ({ filename: 'a', body }) };
  };
  const uploads = open();
  const put = objects.put;
  objects.put = () => Promise.reject(new UnavailableError('unavailable'));
  for (let n = 0; n < 3; n++) {
    await expect(uploads.upload(viewer, incoming(90))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  }
  objects.put = put;
  expect(await uploads.upload(viewer, incoming(100))).toMatchObject({ byteSize: 10_000_000 });
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
