import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeAll, expect, test, vi } from 'vitest';
import { createS3Objects } from '../../api/infra/objects/s3.ts';
import { createTestLogger } from '../support/logger.ts';
import { type S3Address, startOwnS3 } from '../support/services/s3.ts';
import { describeObjects } from './objects.ts';

let server: Awaited<ReturnType<typeof startOwnS3>>;
beforeAll(async () => {
  server = await startOwnS3();
  return server.stop;
});

const region = 'us-east-1';
const type = 'text/plain';

const open = (address: S3Address, bucket: string, directReads = false) =>
  createS3Objects({ ...address, bucket, region, directReads, logger: createTestLogger() });

describeObjects('over S3', async () => {
  const bucket = `bucket-${randomUUID()}`;
  const objects = await open(server.address, bucket);
  const { endpoint, ...credentials } = server.address;
  const client = new S3Client({ region, credentials, endpoint, forcePathStyle: true });
  return {
    objects,
    async leftovers() {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return Uploads.length;
    },
    async dispose() {
      client.destroy();
      await objects.stop();
    },
  };
});

test('a client posts an object by itself, of the size that was said and no other, as no other type, until a time', async () => {
  const objects = await open(server.address, `bucket-${randomUUID()}`);
  const begin = (ms: number) => objects.post('file/a', { bytes: 1_000, expiresAt: new Date(Date.now() + ms) });
  const [valid, brief] = [await begin(60_000), await begin(0)];
  const post = async (bytes: number, change: Record<string, string> = {}, form = valid) => {
    if (form === null) throw new Error('S3 takes posts');
    const data = new FormData();
    for (const { name, value } of form.fields) data.append(name, change[name] ?? value);
    data.append('file', new Blob([Buffer.alloc(bytes)]));
    return (await fetch(form.url, { method: 'POST', body: data })).status;
  };
  expect(await post(1_001)).toBeGreaterThanOrEqual(400);
  expect(await post(999)).toBeGreaterThanOrEqual(400);
  expect(await post(1_000, { key: 'file/b' })).toBeGreaterThanOrEqual(400);
  expect(await post(1_000, { 'Content-Type': 'text/html' })).toBeGreaterThanOrEqual(400);
  expect(await objects.head('file/a')).toBeNull();
  expect(await post(1_000)).toBeLessThan(300);
  expect(await objects.head('file/a')).toMatchObject({ bytes: 1_000 });
  await vi.waitFor(async () => expect(await post(1_000, {}, brief)).toBeGreaterThanOrEqual(400), { timeout: 5_000 });
});

test('a client reads an object by itself where that is wanted, as what it is said to be, until a time', async () => {
  const bucket = `bucket-${randomUUID()}`;
  const [objects, direct] = [await open(server.address, bucket), await open(server.address, bucket, true)];
  await objects.put('file/a', Readable.from([Buffer.from('Hello')]), { type });
  const as = {
    type: 'text/css',
    disposition: 'attachment; filename="a b.css"',
    expiresAt: new Date(Date.now() + 60_000),
  };
  expect(await objects.readUrl('file/a', as)).toBeNull();
  const url = (await direct.readUrl('file/a', as)) ?? '';
  const answer = await fetch(url);
  expect([answer.status, await answer.text()]).toEqual([200, 'Hello']);
  expect(answer.headers.get('content-type')).toBe('text/css');
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename="a b.css"');
  expect((await fetch(url.replace('file/a', 'file/b'))).status).toBe(403);
  const brief = (await direct.readUrl('file/a', { ...as, expiresAt: new Date(Date.now() - 1_000) })) ?? '';
  await vi.waitFor(async () => expect((await fetch(brief)).status).toBe(403), { timeout: 5_000 });
});

test('processes that start together make one bucket', async () => {
  const bucket = `bucket-${randomUUID()}`;
  const all = await Promise.all(Array.from({ length: 4 }, () => open(server.address, bucket)));
  await all[0]?.put('a', Readable.from([Buffer.from('x')]), { type });
  expect(await all[3]?.head('a')).toMatchObject({ bytes: 1 });
});

test('a store that is away is UNAVAILABLE, and found again by itself', async () => {
  const own = await startOwnS3();
  const objects = await open(own.address, 'files');
  await own.kill('SIGKILL');
  const put = () => objects.put('a', Readable.from([Buffer.from('x')]), { type });
  await expect(put()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(objects.get('a')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await expect(objects.ready()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await own.restart();
  await vi.waitFor(put, { timeout: 10_000 });
  expect(await objects.head('a')).toMatchObject({ bytes: 1 });
  await own.stop();
});
