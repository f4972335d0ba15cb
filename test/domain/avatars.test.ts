import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAvatars } from '../../api/domain/avatars.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { createTestLogger } from '../support/logger.ts';

const png = Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), Buffer.alloc(100, 1)]);
const jpeg = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(100, 2)]);
const webp = Buffer.concat([Buffer.from('RIFF\x64\0\0\0WEBPVP8 '), Buffer.alloc(100, 3)]);
const dayMs = 86_400_000;
const generated = { type: 'image/svg+xml' };

const logger = createTestLogger();
let database: TestDatabase;
let gravatar: Server;
/** URLs that were requested from the fake Gravatar. */
const requested: string[] = [];
/** Response of the fake Gravatar. */
let respond: RequestListener;
let directory: string;

beforeAll(async () => {
  database = await openDatabase();
  gravatar = createServer((request, response) => {
    requested.push(request.url ?? '');
    respond(request, response);
  });
  await once(gravatar.listen(0, '127.0.0.1'), 'listening');
});
beforeEach(async () => {
  requested.length = 0;
  logger.lines.length = 0;
  respond = (_, response) => response.end(png);
  directory = join(await mkdtemp(join(tmpdir(), 'parley-')), 'avatars');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(join(directory, '..'), { recursive: true });
});
afterAll(async () => {
  gravatar.closeAllConnections();
  gravatar.close();
  await database.stop();
});

const thumbnail = async () => null;

describe('a generated avatar', () => {
  const avatars = () => createAvatars({ database, publicUrl: '', gravatar: null, thumbnail, logger });

  it('is an SVG that consists of shapes and runs or loads nothing', async () => {
    const picture = await avatars().picture(await user());
    expect(picture?.type).toBe('image/svg+xml');
    const svg = String(picture?.body);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^>]*>.*<\/svg>$/s);
    const tags = new Set([...svg.matchAll(/<(\w+)/g)].map(([, name]) => name));
    expect([...tags].sort()).toEqual(['circle', 'defs', 'g', 'linearGradient', 'rect', 'stop', 'svg']);
  });

  it('depends on the user’s id only, not on the name', async () => {
    const id = await user(null, 'Ada');
    const before = await avatars().picture(id);
    await database.prisma.user.update({ where: { id }, data: { name: '<script>', email: 'ada@example.org' } });
    expect(await avatars().picture(id)).toEqual(before);
  });

  it('differs between users', async () => {
    const ids = await Promise.all(Array.from({ length: 50 }, () => user()));
    const pictures = await Promise.all(ids.map((id) => avatars().picture(id)));
    expect(new Set(pictures.map((picture) => String(picture?.body))).size).toBe(50);
  });

  it('is null for an unknown user', async () => {
    expect(await avatars().picture(randomUUID())).toBeNull();
  });

  it('has a URL on this server', () => {
    const [id, avatarId] = [randomUUID(), randomUUID()];
    expect(avatars().url({ id, avatarId: null })).toBe(`/avatars/${id}`);
    expect(avatars().url({ id, avatarId })).toBe(`/avatars/${id}?picture=${avatarId}`);
    const options = { database, publicUrl: 'https://chat.example.org', gravatar: null, thumbnail, logger };
    expect(createAvatars(options).url({ id, avatarId: null })).toBe(`https://chat.example.org/avatars/${id}`);
  });
});

describe('an uploaded avatar', () => {
  const avatarId = randomUUID();
  const userWithAvatar = async () => {
    const id = await user();
    await database.prisma.user.update({ where: { id }, data: { avatarId } });
    return id;
  };

  it('is the thumbnail of an upload', async () => {
    const own = async (id: string) => (id === avatarId ? webp : null);
    const avatars = createAvatars({ database, publicUrl: '', gravatar: null, thumbnail: own, logger });
    expect(await avatars.picture(await userWithAvatar())).toEqual({ type: 'image/webp', body: webp });
  });

  it('is replaced by a generated one while the file store is unavailable', async () => {
    const unavailable = () => Promise.reject(new Error('the store is unavailable'));
    const avatars = createAvatars({ database, publicUrl: '', gravatar: null, thumbnail: unavailable, logger });
    expect(await avatars.picture(await userWithAvatar())).toMatchObject(generated);
    expect(logger.lines).toMatchObject([{ level: 'warn' }]);
  });
});

describe('an avatar from Gravatar', () => {
  it('is requested by the hash of the email address', async () => {
    await withGravatar().picture(await user('ada@example.org'));
    expect(requested).toEqual([`/avatar/${hashOf('ada@example.org')}?d=404&s=160`]);
  });

  it.each([
    ['PNG', 'image/png', png],
    ['JPEG', 'image/jpeg', jpeg],
    ['WebP', 'image/webp', webp],
  ])('is served if it is a %s', async (_, type, body) => {
    respond = (_request, response) => response.end(body);
    expect(await withGravatar().picture(await user('ada@example.org'))).toEqual({ type, body });
  });

  it.each([
    ['a page', '<!doctype html><script>alert(1)</script>'],
    ['an SVG, which could run scripts', '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'],
    ['a GIF', 'GIF89a'],
    ['nothing', ''],
  ])('is never %s, even if declared as PNG: a generated one is served instead', async (_, body) => {
    respond = (_request, response) => response.writeHead(200, { 'content-type': 'image/png' }).end(body);
    const picture = await withGravatar().picture(await user('ada@example.org'));
    expect(picture).toMatchObject(generated);
    expect(String(picture?.body)).not.toContain('script');
  });

  it('is not requested if the user has no email address or does not exist', async () => {
    expect(await withGravatar().picture(await user(null))).toMatchObject(generated);
    expect(await withGravatar().picture(randomUUID())).toBeNull();
    expect(requested).toEqual([]);
  });

  it('is cached, even across restarts of the server', async () => {
    const id = await user('ada@example.org');
    for (const _ of Array(3)) expect(await withGravatar().picture(id)).toEqual({ type: 'image/png', body: png });
    expect(requested).toHaveLength(1);
  });

  it('is remembered as missing if Gravatar has none', async () => {
    respond = (_, response) => response.writeHead(404).end('not found');
    const id = await user('ada@example.org');
    for (const _ of Array(3)) expect(await withGravatar().picture(id)).toMatchObject(generated);
    expect(requested).toHaveLength(1);
    expect(logger.lines).toEqual([]);
  });

  it('is requested again after a day', async () => {
    const id = await user('ada@example.org');
    await withGravatar().picture(id);
    const yesterday = new Date(Date.now() - dayMs - 1_000);
    await utimes(join(directory, hashOf('ada@example.org')), yesterday, yesterday);
    respond = (_, response) => response.end(jpeg);
    expect(await withGravatar().picture(id)).toEqual({ type: 'image/jpeg', body: jpeg });
  });

  it('is the same for concurrent requests', async () => {
    const avatars = withGravatar();
    const id = await user('ada@example.org');
    const pictures = await Promise.all(Array.from({ length: 20 }, () => avatars.picture(id)));
    for (const picture of pictures) expect(picture).toEqual({ type: 'image/png', body: png });
    expect(logger.lines).toEqual([]);
    expect(await readdir(directory)).toEqual([hashOf('ada@example.org')]);
  });
});

describe('while Gravatar fails', () => {
  it.each<[string, RequestListener]>([
    ['responds with an error', (_, response) => response.writeHead(503).end()],
    ['closes the connection', (request) => request.socket.destroy()],
    [
      'closes the connection within the response',
      (_, response) => void response.writeHead(200).write(png, () => response.destroy()),
    ],
    ['sends too much', (_, response) => response.end(Buffer.concat([png, Buffer.alloc(300_000)]))],
  ])(
    'because it %s, a generated avatar is served, the log omits the address, and the next request tries again',
    async (_, fault) => {
      respond = fault;
      const email = 'ada@example.org';
      const id = await user(email);
      expect(await withGravatar().picture(id)).toMatchObject(generated);
      expect(logger.lines).toMatchObject([{ level: 'warn', facts: { userId: id } }]);
      const logged = inspect(logger.lines, { depth: 10 });
      for (const secret of [email, hashOf(email)]) expect(logged).not.toContain(secret);

      respond = (_request, response) => response.end(png);
      expect(await withGravatar().picture(id)).toEqual({ type: 'image/png', body: png });
    },
  );

  it('because it does not respond in time, a generated avatar is served', async () => {
    const timeout = new AbortController();
    const inTime = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(timeout.signal);
    respond = () => timeout.abort(new DOMException('The operation timed out.', 'TimeoutError'));
    expect(await withGravatar().picture(await user('ada@example.org'))).toMatchObject(generated);
    expect(inTime).toHaveBeenCalledExactlyOnceWith(3_000);
    expect(logger.lines).toMatchObject([{ level: 'warn' }]);
  });
});

/** Creates avatars whose requests to Gravatar go to the fake one. */
function withGravatar() {
  const { port } = gravatar.address() as AddressInfo;
  const toFake: typeof fetch = (input, init) => {
    const { origin, pathname, search } = new URL(String(input));
    expect(origin).toBe('https://gravatar.com');
    return fetch(`http://127.0.0.1:${port}${pathname}${search}`, init);
  };
  return createAvatars({ database, publicUrl: '', gravatar: { directory, fetch: toFake }, thumbnail, logger });
}

async function user(email: string | null = null, name = 'Somebody'): Promise<string> {
  const { id } = await database.prisma.user.create({ data: { id: randomUUID(), name, email, createdAt: new Date() } });
  return id;
}

const hashOf = (email: string) => createHash('sha256').update(email).digest('hex');
