import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeAll, expect, test, vi } from 'vitest';
import { createS3Objects, type S3Options } from '../../api/infra/objects/s3.ts';
import { createTestLogger } from '../support/logger.ts';
import type { S3Address } from '../support/services/s3.ts';
import { sharedS3 } from '../support/services/shared.ts';
import { describeObjects } from './objects.ts';

let shared: S3Address;
beforeAll(async () => {
  shared = await sharedS3();
});

const region = 'us-east-1';
const type = 'text/plain';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-incoming-'));
  return () => rm(directory, { recursive: true });
});

const open = (address: S3Address, bucket: string, options: Partial<S3Options> = {}) =>
  createS3Objects({
    ...address,
    bucket,
    region,
    directory,
    requestTimeoutMs: 60_000,
    directReads: false,
    logger: createTestLogger(),
    ...options,
  });

/** Creates a client as another application would use it on the same bucket. */
function createClient(): S3Client {
  const { endpoint, ...credentials } = shared;
  return new S3Client({ region, credentials, endpoint, forcePathStyle: true });
}

describeObjects('over S3', async () => {
  const bucket = `bucket-${randomUUID()}`;
  const objects = await open(shared, bucket, { directReads: true });
  const client = createClient();
  return {
    objects,
    async leaveIncomplete(key) {
      await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }));
    },
    async countIncomplete() {
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      return Uploads.length;
    },
    async dispose() {
      client.destroy();
      await objects.stop();
    },
  };
});

test('a client posts an object directly, with exactly the announced size, key and type, until the form expires', async () => {
  const objects = await open(shared, `bucket-${randomUUID()}`);
  const begin = (ms: number) => objects.presignPost('file/a', { bytes: 1_000, expiresAt: new Date(Date.now() + ms) });
  const [valid, brief] = [await begin(60_000), await begin(0)];
  const post = async (bytes: number, change: Record<string, string> = {}, form = valid) => {
    if (form === null) throw new Error('S3 must support presigned posts');
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
  await vi.waitFor(async () => expect(await post(1_000, {}, brief)).toBeGreaterThanOrEqual(400));
});

test('a client reads an object directly if this is enabled, with the given headers, until the URL expires', async () => {
  const bucket = `bucket-${randomUUID()}`;
  const [objects, direct] = [await open(shared, bucket), await open(shared, bucket, { directReads: true })];
  await objects.put('file/a', Readable.from([Buffer.from('Hello')]), { type });
  const as = {
    type: 'text/css',
    disposition: 'attachment; filename="a b.css"',
    expiresAt: new Date(Date.now() + 60_000),
  };
  expect([objects.readOrigin, await objects.readUrl('file/a', as)]).toEqual([null, null]);
  expect(direct.readOrigin).toBe(new URL(shared.endpoint).origin);
  const url = (await direct.readUrl('file/a', as)) ?? '';
  const response = await fetch(url);
  expect([response.status, await response.text()]).toEqual([200, 'Hello']);
  expect(response.headers.get('content-type')).toBe('text/css');
  expect(response.headers.get('content-disposition')).toBe('attachment; filename="a b.css"');
  expect((await fetch(url.replace('file/a', 'file/b'))).status).toBe(403);
  const brief = (await direct.readUrl('file/a', { ...as, expiresAt: new Date(Date.now() - 1_000) })) ?? '';
  await vi.waitFor(async () => expect((await fetch(brief)).status).toBe(403));
});

test('incomplete uploads of other applications in the same bucket are kept, and do not hide its own', async () => {
  const Bucket = `bucket-${randomUUID()}`;
  const objects = await open(shared, Bucket);
  const client = createClient();
  const begin = (Key: string) => client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const others = Array.from({ length: 1_005 }, (_, n) => `another/${n}`);
  await Promise.all(others.map(begin));
  await begin('own/a');
  await objects.removeIncomplete(new Date(Date.now() + 60_000), (key) => key.startsWith('own/'));
  const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'own/' }));
  expect(Uploads ?? []).toEqual([]);
  const { Uploads: left } = await client.send(new ListMultipartUploadsCommand({ Bucket, Prefix: 'another/' }));
  expect(left?.length).toBe(1_000);
  client.destroy();
});

test('a file that is being uploaded has no name on the disk', async () => {
  const objects = await open(shared, `bucket-${randomUUID()}`);
  const body = new Readable({ read: () => {} });
  body.push('cut off');
  const put = objects.put('x/a', body, { type }).catch(() => 'stopped');
  await vi.waitFor(() => expect(body.readableLength).toBe(0));
  await vi.waitFor(async () => expect(await readdir(directory)).toEqual([]));
  body.destroy();
  expect(await put).toBe('stopped');
});

test('a store that does not respond in time is UNAVAILABLE', async () => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const endpoint = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const opening = open({ ...shared, endpoint }, 'files', { requestTimeoutMs: 50 });
  await expect(opening).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  silent.close();
});

test('processes that start together create one bucket', async () => {
  const bucket = `bucket-${randomUUID()}`;
  const all = await Promise.all(Array.from({ length: 4 }, () => open(shared, bucket)));
  await all[0]?.put('a', Readable.from([Buffer.from('x')]), { type });
  expect(await all[3]?.head('a')).toMatchObject({ bytes: 1 });
});
