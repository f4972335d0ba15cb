import { readdir, readlink, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { paths } from '../../api/config.ts';
import { createUploadCleanup } from '../../api/domain/cleanup/upload-cleanup.ts';
import { createPgliteDatabase } from '../../api/infra/database/pglite.ts';
import { createFileObjects } from '../../api/infra/objects/files.ts';
import { createS3Objects } from '../../api/infra/objects/s3.ts';
import { completeRound } from '../support/cleanup.ts';
import { guest, type Person } from '../support/client.ts';
import { createDataDirectory } from '../support/data-directory.ts';
import { createTestLogger } from '../support/logger.ts';
import { listedKeys } from '../support/objects.ts';
import { pictureProcessesOf, readProcessFile } from '../support/picture-processes.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';
import { startOwnS3 } from '../support/services/s3.ts';
import { roomOf, storedFiles, upload } from '../support/upload.ts';

const megabyte = 1_000_000;
let directory: string;
let server: ServerProcess;
let ada: Person;
let channelId: string;
/** Room for the files of guests. */
const room = { MAX_GUEST_FILES_BYTES: '2147483648' };

beforeEach(async () => {
  directory = await createDataDirectory('parley-uploads-');
  server = await startProcess({ DATA_DIR: directory, ...room });
  ada = await guest(server.url, 'Ada');
  channelId = await roomOf(server.url, ada.token);
});
afterEach(async () => {
  await server.kill();
  await rm(directory, { recursive: true });
});

/** Generates a multipart request while it is sent, with a file of this many megabytes. */
async function* body(megabytes: number, endless = false): AsyncGenerator<Buffer> {
  const operations = {
    query: 'mutation ($file: Upload!, $channelId: ID!) { upload(file: $file, channelId: $channelId) { byteSize } }',
    variables: { file: null, channelId },
  };
  const field = (name: string, value: string) =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  yield Buffer.from(field('operations', JSON.stringify(operations)) + field('map', '{"0":["variables.file"]}'));
  yield Buffer.from('--b\r\nContent-Disposition: form-data; name="0"; filename="big"\r\n\r\n');
  const chunk = Buffer.alloc(megabyte / 10, 7);
  for (let n = 0; n < megabytes * 10; n++) yield chunk;
  if (endless) await new Promise(() => {});
  yield Buffer.from('\r\n--b--\r\n');
}

function send(source: AsyncGenerator<Buffer>): Promise<string> {
  const headers = { authorization: `Bearer ${ada.token}`, 'content-type': 'multipart/form-data; boundary=b' };
  return new Promise((resolve, reject) => {
    const sent = request(`${server.url}/graphql`, { method: 'POST', headers }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    sent.on('error', reject);
    Readable.from(source).on('error', reject).pipe(sent);
  });
}

async function residentMegabytes(): Promise<number> {
  const { pid = 0 } = server.child;
  const statuses = [pid, ...(await pictureProcessesOf(pid))].map((one) => readProcessFile(one, 'status'));
  const kilobytes = (await Promise.all(statuses)).map((status) => Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0));
  return (kilobytes.reduce((sum, one) => sum + one, 0) * 1_024) / megabyte;
}

/** Returns the growth of the memory of the server and its picture processes during some work, in megabytes. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = await residentMegabytes();
  let most = before;
  const watching = setInterval(async () => {
    most = Math.max(most, await residentMegabytes());
  }, 20);
  await work().finally(() => clearInterval(watching));
  return Math.round(most - before);
}

/**
 * Uploads ten files of 12 MB at once, three times, so that the collector's young generation and the buffers of sockets have
 * the size that they keep.
 */
async function warmUp(): Promise<void> {
  for (let n = 0; n < 3; n++) await Promise.all(Array.from({ length: 10 }, () => send(body(12))));
}

async function sendTen(): Promise<void> {
  const responses = await Promise.all(Array.from({ length: 10 }, () => send(body(100))));
  for (const response of responses)
    expect(JSON.parse(response)).toEqual({ data: { upload: { byteSize: 100 * megabyte } } });
}

test('ten files of 100 MB at once take less than 64 MB of memory', async () => {
  await warmUp();
  const grown = await growth(sendTen);
  expect(grown).toBeLessThan(64);
  console.info(`memory grew by ${grown} MB`);
});

test('forty pictures at once take less than 160 MB of memory', async () => {
  const bytes = await sharp({ create: { width: 2_000, height: 1_500, channels: 3, background: 'black', noise } })
    .png()
    .toBuffer();
  const people = [ada, await guest(server.url, 'Bob')];
  const uploads = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, n) => sendPicture(people[n % people.length] ?? ada, bytes)));
  await uploads(4);
  const grown = await growth(() => uploads(40));
  expect(grown).toBeLessThan(160);
  console.info(`memory grew by ${grown} MB, for pictures of ${Math.round((40 * bytes.length) / megabyte)} MB`);
});

const noise = { type: 'gaussian', mean: 128, sigma: 30 } as const;

async function sendPicture({ token }: Person, bytes: Buffer): Promise<void> {
  const { data, errors } = await upload(server.url, token, { bytes });
  expect(errors).toEqual([]);
  expect(data.upload.width).toBeGreaterThan(0);
}

test('a server that is killed in the middle of uploads leaves no files behind after the next cleanup', async () => {
  const kept = await upload(server.url, ada.token, { bytes: 'kept' });
  expect(kept.errors).toEqual([]);
  const before = (await storedFiles(directory)).length;
  const cutOff = Array.from({ length: 5 }, () => send(body(5, true)).catch(() => 'cut off'));
  await vi.waitFor(async () => expect((await storedFiles(directory)).length).toBe(before + 5));
  const picture = await sharp({ create: { width: 7_000, height: 7_000, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
  const refining = upload(server.url, ada.token, { bytes: picture }).catch(() => 'cut off');
  await vi.waitFor(async () => expect(await readdir(join(directory, 'files', 'kept', 'raw'))).toHaveLength(1), {
    interval: 5,
  });
  await server.kill('SIGKILL');
  expect(await Promise.all([...cutOff, refining])).toEqual(Array(6).fill('cut off'));

  server = await startProcess({ DATA_DIR: directory, ...room });
  expect((await upload(server.url, ada.token, { bytes: 'after' })).errors).toEqual([]);
  await server.kill('SIGTERM');
  const database = await createPgliteDatabase({ dataDir: directory, migrations: paths.migrations });
  const objects = await createFileObjects({ directory: join(directory, 'files') });
  const cleanup = createUploadCleanup({
    database,
    objects,
    guard: { isCaughtUp: async () => true },
    graceMs: -600_000,
  });
  await objects.removeIncomplete(new Date(Date.now() + 60_000), () => true);
  expect((await storedFiles(directory)).length).toBe(before + 2);
  await completeRound(cleanup);
  expect(await storedFiles(directory)).toEqual([]);
  await database.stop();
});

describe('over S3', () => {
  let s3: Awaited<ReturnType<typeof startOwnS3>>;
  let environment: Record<string, string>;

  beforeEach(async () => {
    s3 = await startOwnS3();
    environment = {
      ...room,
      DATA_DIR: directory,
      S3_ENDPOINT: s3.address.endpoint,
      S3_BUCKET: 'parley',
      S3_ACCESS_KEY_ID: s3.address.accessKeyId,
      S3_SECRET_ACCESS_KEY: s3.address.secretAccessKey,
    };
    await server.kill('SIGTERM');
    server = await startProcess(environment);
    ada = await guest(server.url, 'Ada');
    channelId = await roomOf(server.url, ada.token);
  });
  afterEach(() => s3.stop());

  const openStore = () => {
    const { endpoint, accessKeyId, secretAccessKey } = s3.address;
    const store = { endpoint, accessKeyId, secretAccessKey, region: 'us-east-1', bucket: 'parley', directory };
    return createS3Objects({ ...store, directReads: false, requestTimeoutMs: 60_000, logger: createTestLogger() });
  };

  test('ten files of 100 MB at once take less than 64 MB of memory', async () => {
    await warmUp();
    const grown = await growth(sendTen);
    expect(grown).toBeLessThan(64);
    console.info(`memory grew by ${grown} MB`);
  });

  test('a server that is killed in the middle of uploads leaves no files behind', async () => {
    const cutOff = Array.from({ length: 5 }, () => send(body(5, true)).catch(() => 'cut off'));
    await vi.waitFor(async () => expect(await incomingFiles()).toBe(5));
    await server.kill('SIGKILL');
    expect(await Promise.all(cutOff)).toEqual(Array(5).fill('cut off'));
    const objects = await openStore();
    expect(await listedKeys(objects)).toEqual([]);
    expect(await readdir(join(directory, 'incoming'))).toEqual([]);
    await objects.stop();
  });

  /** Counts the files without a name that the server has open. */
  async function incomingFiles(): Promise<number> {
    const folder = `/proc/${server.child.pid}/fd`;
    const names = await Promise.all((await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => '')));
    return names.filter((name) => name.startsWith(join(directory, 'incoming')) && name.endsWith(' (deleted)')).length;
  }
});
