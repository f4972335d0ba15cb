import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { startApp } from '../support/app.ts';
import { type Data, guest, type Person } from '../support/client.ts';
import { startNetwork } from '../support/network.ts';
import { sharedS3 } from '../support/services/shared.ts';
import { roomOf, upload, uploadQuery } from '../support/upload.ts';

let url: string;
let directory: string;
let client: S3Client;
let ada: Person;
let bob: Person;
let channelId: string;

let settings: Record<string, string>;

beforeAll(async () => {
  const address = await sharedS3();
  settings = {
    S3_ENDPOINT: address.endpoint,
    S3_BUCKET: `bucket-${randomUUID()}`,
    S3_ACCESS_KEY_ID: address.accessKeyId,
    S3_SECRET_ACCESS_KEY: address.secretAccessKey,
    MAX_UPLOAD_BYTES: '20000000',
    MAX_USER_FILES_BYTES: '100000000',
    MAX_GUEST_FILES_BYTES: '100000000',
  };
  const app = await startApp(settings);
  ({ url, directory } = app);
  const { endpoint, ...credentials } = address;
  client = new S3Client({ region: 'us-east-1', credentials, endpoint, forcePathStyle: true });
  [ada, bob] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob')]);
  channelId = (await ada.ask('mutation { createRoom(input: { name: "Hall" }) { id } }')).createRoom.id;
  return async () => {
    client.destroy();
    await app.stop();
  };
});

const start = `mutation ($input: StartUploadInput!) {
  startUpload(input: $input) { id url expiresAt fields { name value } }
}`;
const finish = `mutation ($id: ID!) {
  finishUpload(id: $id) { id filename mimetype byteSize width height url thumbnailUrl }
}`;

async function post({ url: target, fields }: Data, bytes: Uint8Array): Promise<void> {
  const form = new FormData();
  for (const { name, value } of fields) form.append(name, value);
  form.append('file', new Blob([bytes as BlobPart]));
  await fetch(target, { method: 'POST', body: form });
}

const picture = () => sharp({ create: { width: 900, height: 300, channels: 3, background: 'gold' } });
const read = async (path: string, headers = {}) =>
  Buffer.from(await (await fetch(`${url}${path}`, { headers })).arrayBuffer());

describe('files in S3', () => {
  it('are stored, in parts if they are large, and read whole or in ranges', async () => {
    for (const size of [0, 5, 12_000_000]) {
      const bytes = randomBytes(size);
      const { data, errors } = await upload(url, ada.token, { bytes }, channelId);
      expect(errors).toEqual([]);
      expect((await read(data.upload.url)).equals(bytes)).toBe(true);
      if (size > 5)
        expect((await read(data.upload.url, { range: 'bytes=7-16' })).equals(bytes.subarray(7, 17))).toBe(true);
    }
  });

  it('have thumbnails if they are pictures', async () => {
    const { data } = await upload(url, ada.token, { bytes: await picture().jpeg().toBuffer() }, channelId);
    expect(data.upload).toMatchObject({ mimetype: 'image/jpeg', width: 900, height: 300 });
    expect(await sharp(await read(data.upload.thumbnailUrl)).metadata()).toMatchObject({ format: 'webp', width: 640 });
  });

  it.each<[string, string, () => Uint8Array, string]>([
    ['a file above the maximum size', 'TOO_LARGE', () => Buffer.alloc(20_000_001), 'here'],
    ['a file for another channel', 'NOT_FOUND', () => Buffer.alloc(6_000_000), 'c_AAAAAAAAAAAAAAAAAAAAAA'],
    [
      'a file with the first bytes of a picture',
      'BAD_USER_INPUT',
      () => Buffer.from('GIF89a/*\x01\x00\x01\x00*/=1;alert(1)//', 'latin1'),
      'here',
    ],
    ['a truncated picture', 'BAD_USER_INPUT', () => Buffer.from('ffd8ffe000104a46494600010100', 'hex'), 'here'],
  ])('are rejected and leave nothing behind: %s', async (_, code, make, channel) => {
    const before = await listStored();
    const { errors } = await upload(url, ada.token, { bytes: make() }, channel === 'here' ? channelId : channel);
    expect(errors[0]?.extensions['code']).toBe(code);
    expect(await listStored()).toEqual(before);
  });

  /** Lists the objects and the incomplete uploads of the bucket, and the files buffered on the disk. */
  async function listStored(): Promise<unknown[]> {
    const Bucket = settings['S3_BUCKET'];
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    return [Contents.map(({ Key }) => Key).sort(), Uploads, await readdir(join(directory, 'incoming'))];
  }
});

it('redirects readers to the store if this is enabled, after it has checked the URL', async () => {
  const app = await startApp({ ...settings, S3_DIRECT_READS: 'on' });
  try {
    const reader = await guest(app.url, 'Cora');
    const room = (await reader.ask('mutation { createRoom(input: { name: "Den" }) { id } }')).createRoom.id;
    const bytes = await picture().png().toBuffer();
    const { data } = await upload(app.url, reader.token, { bytes }, room);
    const response = await fetch(`${app.url}${data.upload.url}`, { redirect: 'manual' });
    expect(response.status).toBe(307);
    expect((await fetch(`${app.url}${data.upload.url}`, { method: 'HEAD' })).status).toBe(200);
    const location = new URL(response.headers.get('location') as string);
    expect(location.href).toMatch(settings['S3_ENDPOINT'] as string);
    expect(Number(location.searchParams.get('X-Amz-Expires'))).toBeLessThanOrEqual(60);
    for (const path of [data.upload.url, data.upload.thumbnailUrl]) {
      const followed = await fetch(`${app.url}${path}`);
      expect(followed.status).toBe(200);
      expect((await sharp(Buffer.from(await followed.arrayBuffer())).metadata()).width).toBeGreaterThan(0);
    }
    expect((await fetch(`${app.url}${data.upload.url}0`, { redirect: 'manual' })).status).toBe(403);
  } finally {
    await app.stop();
  }
});

it('an upload is stored although uploads of silent clients occupy the server', async () => {
  const app = await startApp({ ...settings, IDLE_TIMEOUT_MS: '3000' });
  try {
    const cora = await guest(app.url, 'Cora');
    const stalled = Array.from({ length: 4 }, () => stall(app.url, cora.token));
    const { errors } = await upload(app.url, cora.token, { bytes: 'Hello' });
    expect(errors).toEqual([]);
    await Promise.all(stalled);
  } finally {
    await app.stop();
  }
});

/** Begins an upload and stops sending; resolves when the server closes the connection. */
async function stall(to: string, token: string): Promise<void> {
  const { hostname, port } = new URL(to);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  const field = (name: string) => `--b\r\nContent-Disposition: form-data; name="${name}"`;
  const channelId = await roomOf(to, token);
  const operations = JSON.stringify({ query: uploadQuery, variables: { file: null, channelId } });
  socket.write(
    `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n` +
      `${field('operations')}\r\n\r\n${operations}\r\n${field('map')}\r\n\r\n{"0":["variables.file"]}\r\n` +
      `${field('0')}; filename="a"\r\n\r\n${'x'.repeat(20_000)}`,
  );
  await once(socket, 'close');
}

it('clients are sent to the public endpoint of the store', async () => {
  const outside = await startNetwork(settings['S3_ENDPOINT'] as string);
  const app = await startApp({ ...settings, S3_DIRECT_READS: 'on', S3_PUBLIC_ENDPOINT: outside.url });
  try {
    const cora = await guest(app.url, 'Cora');
    const bytes = await picture().png().toBuffer();
    const input = { filename: 'a.png', byteSize: bytes.length };
    const ticket = (await cora.ask(start, { input })).startUpload;
    expect(ticket.url).toMatch(outside.url);
    await post(ticket, bytes);
    const { finishUpload } = await cora.ask(finish, { id: ticket.id });
    const response = await fetch(`${app.url}${finishUpload.url}`, { redirect: 'manual' });
    const location = response.headers.get('location') as string;
    expect(location).toMatch(outside.url);
    expect((await fetch(location)).status).toBe(200);
    expect((await fetch(app.url)).headers.get('content-security-policy')).toContain(
      `img-src 'self' data: ${outside.url};`,
    );
  } finally {
    await app.stop();
    await outside.stop();
  }
});

it('files of deleted messages are not redirected to the store', async () => {
  const app = await startApp({ ...settings, S3_DIRECT_READS: 'on' });
  try {
    const cora = await guest(app.url, 'Cora');
    const { data } = await upload(app.url, cora.token, { bytes: 'Hello' });
    const send = `mutation ($channelId: ID!, $ids: [ID!]) {
      send(input: { channelId: $channelId, attachmentIds: $ids }) { message { id } }
    }`;
    const channelId = await roomOf(app.url, cora.token);
    const { message } = (await cora.ask(send, { channelId, ids: [data.upload.id] })).send;
    const read = () => fetch(`${app.url}${data.upload.url}`, { redirect: 'manual' });
    expect((await read()).status).toBe(307);
    await cora.ask('mutation ($id: ID!) { deleteMessage(messageId: $id) { id } }', { id: message.id });
    expect((await read()).status).toBe(404);
  } finally {
    await app.stop();
  }
});

describe('a direct upload', () => {
  async function begin(byteSize: number, filename = 'big.bin'): Promise<Data> {
    return (await ada.ask(start, { input: { channelId, filename, byteSize } })).startUpload;
  }

  it('is posted to the store, finished, and attached to a message', async () => {
    const bytes = await picture().png().toBuffer();
    const ticket = await begin(bytes.length, '../gold.png');
    await post(ticket, bytes);
    const both = await Promise.all([ada.ask(finish, { id: ticket.id }), ada.ask(finish, { id: ticket.id })]);
    const file = both[0]?.finishUpload;
    expect(file).toMatchObject({ id: ticket.id, filename: 'gold.png', mimetype: 'image/png', width: 900, height: 300 });
    for (const { finishUpload } of [...both, await ada.ask(finish, { id: ticket.id })])
      expect(finishUpload).toEqual(file);
    expect((await read(file.url)).equals(bytes)).toBe(true);
    expect((await sharp(await read(file.thumbnailUrl)).metadata()).width).toBe(640);
    const send = `mutation ($channelId: ID!, $ids: [ID!]) {
      send(input: { channelId: $channelId, attachmentIds: $ids }) { message { attachments { id } } }
    }`;
    const { message } = (await ada.ask(send, { channelId, ids: [file.id] })).send;
    expect(message.attachments).toEqual([{ id: file.id }]);
  });

  it('cannot be finished before it is posted completely, or by another user', async () => {
    const ticket = await begin(1_000);
    expect(await ada.codeOf(finish, { id: ticket.id })).toBe('CONFLICT');
    await post(ticket, randomBytes(1_001));
    expect(await ada.codeOf(finish, { id: ticket.id })).toBe('CONFLICT');
    await post(ticket, randomBytes(1_000));
    expect(await bob.codeOf(finish, { id: ticket.id })).toBe('NOT_FOUND');
    expect((await ada.ask(finish, { id: ticket.id })).finishUpload).toMatchObject({
      filename: 'big.bin',
      byteSize: 1_000,
    });
  });

  it('is rejected and removed if it is a broken picture', async () => {
    const bytes = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), randomBytes(500)]);
    const ticket = await begin(bytes.length);
    await post(ticket, bytes);
    expect(await ada.codeOf(finish, { id: ticket.id })).toBe('BAD_USER_INPUT');
    expect(await ada.codeOf(finish, { id: ticket.id })).toBe('CONFLICT');
  });

  it.each<[string, () => Promise<Uint8Array>]>([
    ['a file', async () => randomBytes(3_000)],
    [
      'a picture',
      () =>
        picture()
          .withExif({ IFD0: { Copyright: 'somebody' } })
          .jpeg()
          .toBuffer(),
    ],
  ])('that is finished cannot be replaced by posting again: %s', async (_, make) => {
    const bytes = await make();
    const ticket = await begin(bytes.length);
    await post(ticket, bytes);
    const { finishUpload: file } = await ada.ask(finish, { id: ticket.id });
    const before = await read(file.url);
    expect(before.length).toBe(file.byteSize);
    await post(ticket, randomBytes(bytes.length));
    expect((await read(file.url)).equals(before)).toBe(true);
    expect((await ada.ask(finish, { id: ticket.id })).finishUpload).toEqual(file);
  });

  it('without a channel is rejected and removed if it is not a picture', async () => {
    const ticket = (await ada.ask(start, { input: { filename: 'a.png', byteSize: 500 } })).startUpload;
    await post(ticket, randomBytes(500));
    expect(await ada.codeOf(finish, { id: ticket.id })).toBe('BAD_USER_INPUT');
    expect(await ada.codeOf(finish, { id: ticket.id })).toBe('CONFLICT');
  });

  it('counts against the quota from its start, and cannot start above it', async () => {
    const kim = await guest(url, 'Kim');
    const input = { filename: 'a', byteSize: 20_000_000 };
    for (let n = 0; n < 5; n++) expect(await kim.codeOf(start, { input })).toBeNull();
    expect(await kim.codeOf(start, { input: { ...input, byteSize: 1 } })).toBe('CONFLICT');
  });

  it.each([
    ['too large', { byteSize: 20_000_001 }, 'TOO_LARGE'],
    ['empty', { byteSize: 0 }, 'BAD_USER_INPUT'],
    ['for a channel of others', { byteSize: 5, channelId: 'c_AAAAAAAAAAAAAAAAAAAAAA' }, 'NOT_FOUND'],
  ])('does not start if it is %s', async (_, input, code) => {
    expect(await ada.codeOf(start, { input: { filename: 'a', ...input } })).toBe(code);
  });
});
