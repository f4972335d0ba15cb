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
import { createUploads } from '../../api/domain/uploads.ts';
import { UnavailableError } from '../../api/errors.ts';
import { createFileObjects } from '../../api/infra/objects/files.ts';
import type { Objects } from '../../api/infra/objects/objects.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { createTestLogger } from '../support/logger.ts';

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
    limits: createMemoryState().limits,
    access: { requireSend: () => Promise.reject(new Error('no channel is used here')) },
    urls: createFileUrls({ secret: 'x', publicUrl: '' }),
    bounds: { file: 1_000_000, user: 10_000_000, channel: 10_000_000 },
    attachableMs,
    rateLimits: false,
    logger: createTestLogger(),
  });

/** What was announced, and posted. */
async function posted(bytes: Buffer): Promise<string> {
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

it('a posted file is finished again after the store was away in the middle, and is then all that is there', async () => {
  const id = await posted(await picture());
  const put = objects.put;
  objects.put = async (key, ...more) => {
    if (key.startsWith('thumbnail/')) throw new UnavailableError('away');
    return put(key, ...more);
  };
  await expect(open().finish(viewer, id)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  objects.put = put;
  expect(await open().finish(viewer, id)).toMatchObject({ id, mimetype: 'image/png', width: 30 });
  expect(await keys()).toEqual([`file/${id}`, `thumbnail/${id}`]);
  expect(await database.prisma.uploadTicket.count()).toBe(0);
});

it('what is posted as another kind while it is taken over is not taken over', async () => {
  const bytes = randomBytes(100);
  const id = await posted(Buffer.alloc(100, 'a'));
  const copy = objects.copy;
  objects.copy = async (...given) => {
    await objects.put(`raw/${id}`, Readable.from([bytes]), { type: 'text/plain' });
    return copy(...given);
  };
  await expect(open().finish(viewer, id)).rejects.toMatchObject({ code: 'CONFLICT' });
  objects.copy = copy;
  expect(await open().finish(viewer, id)).toMatchObject({ mimetype: 'application/octet-stream' });
  const kept = await objects.get(`file/${id}`);
  expect(kept && (await buffer(kept)).equals(bytes)).toBe(true);
});

it('a file that could not be stored takes no room any more', async () => {
  const bring = (chunks: number) => {
    const body = Readable.from(Array.from({ length: chunks }, () => Buffer.alloc(100_000, 'a')));
    return { channelId: null, file: async () => ({ filename: 'a', body }) };
  };
  const uploads = open();
  const put = objects.put;
  objects.put = () => Promise.reject(new UnavailableError('away'));
  for (let n = 0; n < 3; n++) {
    await expect(uploads.upload(viewer, bring(90))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  }
  objects.put = put;
  expect(await uploads.upload(viewer, bring(100))).toMatchObject({ byteSize: 10_000_000 });
});

it('what is too old is neither finished nor shown, since it may be collected, unless it is shown already', async () => {
  const [late, shown] = [await posted(await picture()), await posted(await picture())];
  await open().finish(viewer, shown);
  await expect(open(-1).finish(viewer, late)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(await open().ownPicture(viewer, shown)).toMatchObject({ id: shown });
  expect(await open(-1).ownPicture(viewer, shown)).toBeNull();
  await database.prisma.user.update({ where: { id: viewer.userId }, data: { avatarId: shown } });
  expect(await open(-1).ownPicture(viewer, shown)).toMatchObject({ id: shown });
});
