import { createHash, randomBytes } from 'node:crypto';
import { appendFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { type Data, follow, guest, type Person, socket } from '../support/client.ts';
import { addMember } from '../support/invitations.ts';
import { storedFiles, type TestFile, upload } from '../support/upload.ts';

let url: string;
let directory: string;
let ada: Person;
let bob: Person;
let eve: Person;
let channelId: string;

beforeAll(async () => {
  const app = await startApp();
  ({ url, directory } = app);
  [ada, bob, eve] = await Promise.all([guest(url, 'Ada'), guest(url, 'Bob'), guest(url, 'Eve')]);
  const room = 'mutation { createRoom(input: { name: "Hall", visibility: PRIVATE }) { id } }';
  channelId = (await ada.ask(room)).createRoom.id;
  await addMember(ada, bob, channelId);
  return app.stop;
});

const send = `mutation ($channelId: ID!, $text: String! = "", $ids: [ID!], $clientId: String) {
  send(input: { channelId: $channelId, text: $text, attachmentIds: $ids, clientId: $clientId }) {
    message { id text attachments { id filename url } }
  }
}`;

/** Uploads a file successfully. */
async function uploadFile(file: TestFile, person = ada, channel: string | null = channelId): Promise<Data> {
  const { data, errors } = await upload(url, person.token, file, channel);
  expect(errors).toEqual([]);
  return data.upload;
}

/** Returns the path of a stored file within the directory of all files. */
async function pathOf(id: string): Promise<string> {
  const entries = await readdir(join(directory, 'files'), { recursive: true });
  return entries.find((entry) => entry.endsWith(id)) ?? '';
}

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${url}${path}`, { headers });
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const picture = (width = 1_200, height = 800) => sharp({ create: { width, height, channels: 3, background: 'teal' } });

describe('an uploaded file', () => {
  it('gets its type from the content, and is read by its URL', async () => {
    const bytes = randomBytes(300_000);
    const file = await uploadFile({ bytes, filename: 'photo.png', type: 'image/png' });
    expect(file).toMatchObject({
      filename: 'photo.png',
      mimetype: 'application/octet-stream',
      byteSize: bytes.length,
      width: null,
      height: null,
      thumbnailUrl: null,
    });
    expect(new Date(file.urlExpiresAt).getTime()).toBeGreaterThan(Date.now());
    const response = await get(file.url);
    expect(response.status).toBe(200);
    expect(digest(new Uint8Array(await response.arrayBuffer()))).toBe(digest(bytes));
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="?photo\.png"?$/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'.* sandbox$/);
    expect(response.headers.get('content-length')).toBe(String(bytes.length));
  });

  it('is served in ranges, and not again to a client that has it cached', async () => {
    const bytes = randomBytes(10_000);
    const { url: path } = await uploadFile({ bytes });
    const part = await get(path, { range: 'bytes=100-199' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 100-199/10000']);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(100, 200))).toBe(true);
    const rest = await get(path, { range: 'bytes=-10' });
    expect(Buffer.from(await rest.arrayBuffer()).equals(bytes.subarray(-10))).toBe(true);
    expect((await get(path, { range: 'bytes=10000-' })).status).toBe(416);
    expect((await get(path, { range: 'lines=1-2' })).status).toBe(200);
    const etag = rest.headers.get('etag') ?? '';
    expect((await get(path, { 'if-none-match': etag })).status).toBe(304);
    expect((await get(path, { range: 'bytes=0-1', 'if-range': '"another"' })).status).toBe(200);
    const head = await fetch(`${url}${path}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '10000', '']);
  });

  it('is never longer than recorded, even if the object in the store is', async () => {
    const { url: path } = await uploadFile({ bytes: 'Hello' });
    const id = /\/files\/([^/]+)\//.exec(path)?.[1] ?? '';
    await appendFile(join(directory, 'files', await pathOf(id)), ' and HTTP/1.1 200 OK');
    expect(await (await get(path)).text()).toBe('Hello');
  });

  it.each([
    ['video/mp4', Buffer.from('\0\0\0\x18ftypisom\0\0\x02\0isomiso2', 'latin1')],
    ['video/webm', Buffer.from('\x1A\x45\xDF\xA3\x87\x42\x82\x84webm', 'latin1')],
    ['audio/mpeg', Buffer.from('ID3\x03\0\0\0\0\0\0\xFF\xFB\x90\0', 'latin1')],
    ['audio/ogg', Buffer.from(`OggS${'\0'.repeat(24)}\x01vorbis`, 'latin1')],
  ])('can be played from any position: %s', async (type, start) => {
    const bytes = Buffer.concat([start, Buffer.alloc(200_000, 7)]);
    const file = await uploadFile({ bytes, type: 'text/html' });
    expect(file).toMatchObject({ mimetype: type, thumbnailUrl: null });
    const whole = await get(file.url);
    expect([whole.headers.get('content-type'), whole.headers.get('accept-ranges')]).toEqual([type, 'bytes']);
    expect(whole.headers.get('content-disposition')).toMatch(/^inline/);
    const rest = await get(file.url, { range: 'bytes=150000-' });
    expect([rest.status, rest.headers.get('content-type')]).toEqual([206, type]);
    expect(Buffer.from(await rest.arrayBuffer()).equals(bytes.subarray(150_000))).toBe(true);
  });

  it('that is a picture has dimensions, a thumbnail and no location', async () => {
    const gps = { IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '52/1 31/1 0/1' } };
    const bytes = await picture()
      .withExif({ IFD0: { Copyright: 'somebody' }, ...gps })
      .jpeg()
      .toBuffer();
    expect((await sharp(bytes).metadata()).exif).toBeDefined();
    const file = await uploadFile({ bytes, filename: 'beach.jpg' });
    expect(file).toMatchObject({ mimetype: 'image/jpeg', width: 1_200, height: 800 });
    const shown = Buffer.from(await (await get(file.url)).arrayBuffer());
    expect(await sharp(shown).metadata()).toMatchObject({ format: 'jpeg', width: 1_200, height: 800 });
    expect((await sharp(shown).metadata()).exif).toBeUndefined();
    const thumbnail = await get(file.thumbnailUrl);
    expect(thumbnail.headers.get('content-type')).toBe('image/webp');
    expect(thumbnail.headers.get('content-disposition')).toMatch(/^inline/);
    const small = await sharp(Buffer.from(await thumbnail.arrayBuffer())).metadata();
    expect([small.format, small.width, small.height]).toEqual(['webp', 640, 427]);
  });

  it('that is a rotated picture becomes upright', async () => {
    const bytes = await picture(400, 200).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const file = await uploadFile({ bytes });
    expect([file.width, file.height]).toEqual([200, 400]);
    const shown = await sharp(Buffer.from(await (await get(file.url)).arrayBuffer())).metadata();
    expect([shown.width, shown.height]).toEqual([200, 400]);
  });

  it.each([
    ['png', 'image/png'],
    ['webp', 'image/webp'],
    ['gif', 'image/gif'],
    ['avif', 'image/avif'],
  ] as const)('is displayed inline: %s', async (format, mimetype) => {
    const file = await uploadFile({ bytes: await picture(30, 20).toFormat(format).toBuffer() });
    expect(file).toMatchObject({ mimetype, width: 30, height: 20 });
    const response = await get(file.url);
    expect(response.headers.get('content-type')).toBe(mimetype);
    expect(response.headers.get('content-disposition')).toMatch(/^inline/);
  });

  it('is private to its channel: others can neither upload there nor see it', async () => {
    const { errors } = await upload(url, eve.token, { bytes: 'x' }, channelId);
    expect(errors[0]?.extensions['code']).toBe('NOT_FOUND');
    const { id } = await uploadFile({ bytes: 'Hello' });
    const node = 'query ($id: ID!) { node(id: $id) { ... on Attachment { filename } } }';
    expect((await ada.ask(node, { id })).node).toEqual({ filename: 'file' });
    for (const one of [bob, eve]) expect((await one.ask(node, { id })).node).toBeNull();
    await ada.ask(send, { channelId, ids: [id] });
    expect((await bob.ask(node, { id })).node).toEqual({ filename: 'file' });
    expect((await eve.ask(node, { id })).node).toBeNull();
  });

  it('cannot be read by a forged URL', async () => {
    const { url: path } = await uploadFile({ bytes: 'secret' });
    const signed = new URL(path, url);
    for (const [name, value] of [
      ['signature', 'x'.repeat(43)],
      ['expires', String(Date.now() + 9e12)],
      ['expires', 'NaN'],
      ['signature', ''],
    ] as const) {
      const forged = new URL(signed);
      forged.searchParams.set(name, value);
      expect((await fetch(forged)).status).toBe(403);
    }
    expect((await fetch(String(signed).replace('/file/', '/thumbnail/'))).status).toBe(403);
    expect((await get('/files/x/file/y')).status).toBe(404);
    expect((await fetch(signed, { method: 'POST' })).status).toBe(405);
  });
});

describe('a message with files', () => {
  it('delivers them to every member, live and in the history, with the same URLs', async () => {
    const query = 'subscription ($id: ID!) { messages(channelId: $id) { text attachments { id filename url } } }';
    const following = follow(socket(url, bob.token), query, { id: channelId });
    const files = [
      await uploadFile({ bytes: 'one', filename: 'one.txt' }),
      await uploadFile({ bytes: 'two', filename: 'ü 2.txt' }),
    ];
    const ids = files.map(({ id }) => id);
    await vi.waitFor(async () => {
      await ada.ask(send, { channelId, text: 'are you there?' });
      expect(following.received.length).toBeGreaterThan(0);
    });
    const { message } = (await ada.ask(send, { channelId, ids })).send;
    expect(message.attachments.map(({ id }: Data) => id)).toEqual(ids);
    await vi.waitFor(() => expect(following.received.at(-1)).toEqual({ text: '', attachments: message.attachments }));
    const history = 'query ($id: ID!) { channel(id: $id) { lastMessage { attachments { id filename url } } } }';
    expect((await bob.ask(history, { id: channelId })).channel.lastMessage.attachments).toEqual(message.attachments);
    expect(await (await get(message.attachments[1].url)).text()).toBe('two');
  });

  it('can be sent again, but its files cannot be attached to another message', async () => {
    const { id } = await uploadFile({ bytes: 'once' });
    const again = { channelId, ids: [id], clientId: 'the same' };
    const first = (await ada.ask(send, again)).send.message;
    expect((await ada.ask(send, again)).send.message).toEqual(first);
    expect(await ada.codeOf(send, { channelId, ids: [id] })).toBe('CONFLICT');
    const gone = (await uploadFile({ bytes: 'x' }, bob)).id;
    expect((await ada.ask(send, { ...again, ids: [gone] })).send.message).toEqual(first);
    expect(await ada.codeOf(send, { channelId, ids: [gone], clientId: 'another' })).toBe('BAD_USER_INPUT');
  });

  it('wins over a concurrent message with the same file, which is rejected', async () => {
    const { id } = await uploadFile({ bytes: 'raced' });
    const codes = await Promise.all(['a', 'b'].map((clientId) => ada.codeOf(send, { channelId, ids: [id], clientId })));
    expect(codes.sort()).toEqual(['CONFLICT', null]);
  });

  it.each<[string, () => Promise<object>]>([
    ['a file of another user', async () => ({ ids: [(await uploadFile({ bytes: 'x' }, bob)).id] })],
    [
      'a file without a channel',
      async () => ({ ids: [(await uploadFile({ bytes: await picture(9, 9).png().toBuffer() }, ada, null)).id] }),
    ],
    [
      'a file twice',
      async () => {
        const { id } = await uploadFile({ bytes: 'x' });
        return { ids: [id, id] };
      },
    ],
    ['no file and has no text', async () => ({ ids: [] })],
  ])('is rejected if it names %s', async (_, input) => {
    expect(await ada.codeOf(send, { channelId, ...(await input()) })).toBe('BAD_USER_INPUT');
  });

  it('gives no URLs to users who have left', async () => {
    const kim = await guest(url, 'Kim');
    await addMember(ada, kim, channelId);
    const { id } = await uploadFile({ bytes: 'for members' });
    const { message } = (await ada.ask(send, { channelId, ids: [id] })).send;
    const query =
      'query ($id: ID!, $file: ID!) { node(id: $id) { id } file: node(id: $file) { ... on Attachment { url } } }';
    expect((await kim.ask(query, { id: message.id, file: id })).file.url).toBe(message.attachments[0].url);
    await kim.ask('mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }', { id: channelId });
    expect(await kim.ask(query, { id: message.id, file: id })).toEqual({ node: null, file: null });
  });

  it('can be read by an old URL until it expires, even by users who have left', async () => {
    const dan = await guest(url, 'Dan');
    await addMember(ada, dan, channelId);
    const { id } = await uploadFile({ bytes: 'for members' });
    const { message } = (await ada.ask(send, { channelId, ids: [id] })).send;
    const query = 'query ($id: ID!) { node(id: $id) { ... on Message { attachments { url } } } }';
    const old = (await dan.ask(query, { id: message.id })).node.attachments[0].url;
    await dan.ask('mutation ($id: ID!) { leaveChannel(channelId: $id) { id } }', { id: channelId });
    expect((await dan.ask(query, { id: message.id })).node).toBeNull();
    expect(await (await get(old)).text()).toBe('for members');
    vi.useFakeTimers({ toFake: ['Date'], now: Number(new URL(old, url).searchParams.get('expires')) + 1 });
    try {
      const late = await get(old);
      expect([late.status, await late.text()]).toEqual([403, expect.stringContaining('expired')]);
    } finally {
      vi.useRealTimers();
    }
  });

  it('has no files after it was deleted, not by a URL from before either', async () => {
    const { id } = await uploadFile({ bytes: 'x' });
    const { message } = (await ada.ask(send, { channelId, text: 'gone soon', ids: [id] })).send;
    const [{ url: path }] = message.attachments;
    expect((await get(path)).status).toBe(200);
    const remove = 'mutation ($id: ID!) { deleteMessage(messageId: $id) { text attachments { id } } }';
    expect((await ada.ask(remove, { id: message.id })).deleteMessage).toEqual({ text: '', attachments: [] });
    expect((await get(path)).status).toBe(404);
    const node = 'query ($id: ID!) { node(id: $id) { id } }';
    expect((await bob.ask(node, { id })).node).toBeNull();
  });
});

describe('an avatar', () => {
  it('is an upload without a channel', async () => {
    const { id } = await uploadFile({ bytes: await picture(2_000, 1_000).png().toBuffer() }, ada, null);
    const update = 'mutation ($id: ID!) { updateProfile(input: { avatarId: $id }) { avatarUrl } }';
    const before = (await bob.ask('query ($id: ID!) { user(id: $id) { avatarUrl } }', { id: ada.id })).user.avatarUrl;
    expect((await get(before)).headers.get('content-type')).toBe('image/svg+xml');
    const { avatarUrl } = (await ada.ask(update, { id })).updateProfile;
    expect(avatarUrl).not.toBe(before);
    const response = await get(avatarUrl);
    expect(response.headers.get('content-type')).toBe('image/webp');
    expect((await sharp(Buffer.from(await response.arrayBuffer())).metadata()).width).toBe(640);
    expect(await bob.codeOf(update, { id })).toBe('BAD_USER_INPUT');
    const { errors } = await upload(url, ada.token, { bytes: 'not a picture' }, null);
    expect(errors[0]?.extensions['code']).toBe('BAD_USER_INPUT');
  });
});

it('leaves no temporary files behind', async () => {
  for (const name of await storedFiles(directory)) expect(name).toMatch(/^[\da-f-]{36}$/);
});

it('rejects direct uploads if the store is a directory', async () => {
  const start = 'mutation { startUpload(input: { filename: "a", byteSize: 5 }) { id } }';
  expect(await ada.codeOf(start)).toBe('CONFLICT');
});
