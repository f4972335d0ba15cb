import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import type { User } from '../../prisma/generated/client.ts';
import type { Database } from '../infra/database/database.ts';
import type { Logger } from '../logger.ts';

/** A user's picture, as it is served. */
export interface AvatarImage {
  type: 'image/svg+xml' | 'image/png' | 'image/jpeg' | 'image/webp';
  body: Buffer;
}

const gravatarUrl = 'https://gravatar.com/avatar/';
const maxBytes = 262_144;
const timeoutMs = 3_000;
/** Milliseconds for which a response of Gravatar is cached, including that it has no picture. */
const cacheMs = 86_400_000;

/**
 * Pictures of users: the picture that the user uploaded, else the one from Gravatar, else one generated from the user's id.
 * Clients never contact Gravatar: this server fetches its pictures and caches them.
 * @param options.publicUrl URL under which clients reach this server; if empty, the URLs are paths
 * @param options.gravatar cache directory and `fetch` function for Gravatar, or null to disable it
 */
export function createAvatars(options: {
  database: Pick<Database, 'prisma'>;
  publicUrl: string;
  gravatar: { directory: string; fetch: typeof fetch } | null;
  /** Returns the thumbnail of an upload, or null if it no longer exists. */
  thumbnail(uploadId: string): Promise<Buffer | null>;
  logger: Logger;
}) {
  const { database, publicUrl, gravatar, thumbnail, logger } = options;

  return {
    /** Returns the URL of a user's picture, which changes with the picture. */
    url: ({ id, avatarId }: Pick<User, 'id' | 'avatarId'>): string =>
      `${publicUrl}/avatars/${id}${avatarId === null ? '' : `?picture=${avatarId}`}`,

    /** Returns a user's picture, or null if there is no such user. */
    async picture(userId: string): Promise<AvatarImage | null> {
      const user = await database.prisma.user.findUnique({ where: { id: userId } });
      if (user === null) return null;
      const uploaded = user.avatarId === null ? null : await readUploaded(user.avatarId);
      return uploaded ?? (await tryGravatar(user)) ?? { type: 'image/svg+xml', body: generate(userId) };
    },
  };

  async function readUploaded(uploadId: string): Promise<AvatarImage | null> {
    const body = await thumbnail(uploadId).catch((error: unknown) => {
      logger.warn({ error, uploadId }, 'an uploaded avatar could not be read; another picture is served');
      return null;
    });
    return body && { type: 'image/webp', body };
  }

  async function tryGravatar({ id: userId, email }: User): Promise<AvatarImage | null> {
    if (gravatar === null || email === null) return null;
    return fromGravatar(gravatar, email).catch((error: unknown) => {
      logger.warn({ error, userId }, 'an avatar could not be fetched from Gravatar; a generated one is served');
      return null;
    });
  }
}

/** Pictures of users. */
export type Avatars = ReturnType<typeof createAvatars>;

async function fromGravatar(
  { directory, fetch: fetcher }: { directory: string; fetch: typeof fetch },
  email: string,
): Promise<AvatarImage | null> {
  const hash = createHash('sha256').update(email).digest('hex');
  const path = `${directory}/${hash}`;
  const cached = await stat(path).catch(() => null);
  if (cached && cached.mtimeMs > Date.now() - cacheMs) return toImage(await readFile(path));
  const body = await download(fetcher, hash);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // Concurrent requests for the same picture write to different files.
  const partial = `${path}.${randomUUID()}`;
  await writeFile(partial, body);
  await rename(partial, path);
  return toImage(body);
}

/** Downloads a picture from Gravatar; the result is empty if it has none. */
async function download(fetcher: typeof fetch, hash: string): Promise<Buffer> {
  const response = await fetcher(`${gravatarUrl}${hash}?d=404&s=160`, { signal: AbortSignal.timeout(timeoutMs) });
  if (response.status === 404) return Buffer.alloc(0);
  if (!response.ok || response.body === null) throw new Error(`Gravatar responded with status ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new Error(`the picture from Gravatar exceeds ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Detects the type of a picture from its first bytes. Anything else is null, so that it is never served. */
function toImage(body: Buffer): AvatarImage | null {
  if (body.subarray(0, 4).equals(Buffer.from([0x89, 0x50, 0x4e, 0x47]))) return { type: 'image/png', body };
  if (body.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return { type: 'image/jpeg', body };
  const isWebp = body.toString('latin1', 0, 4) === 'RIFF' && body.toString('latin1', 8, 12) === 'WEBP';
  return isWebp ? { type: 'image/webp', body } : null;
}

/** Generates an SVG from a user's id: a mirrored pattern of dots on a gradient of two neighboring hues. */
function generate(userId: string): Buffer {
  const bytes = createHash('sha256').update(userId).digest();
  const hue = Math.round(((bytes[0] ?? 0) / 256) * 360);
  const second = (hue + 30 + ((bytes[1] ?? 0) % 40)) % 360;
  const cells = Array.from({ length: 15 }, (_, n) => n).filter((n) => ((bytes[2 + (n >> 3)] ?? 0) >> (n & 7)) & 1);
  const dots = cells.flatMap((n) => {
    const [row, column] = [Math.floor(n / 3), n % 3];
    return [...new Set([column, 4 - column])].map((x) => `<circle cx="${20 + x * 15}" cy="${20 + row * 15}" r="7.2"/>`);
  });
  return Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" width="96" height="96"><defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1"><stop stop-color="hsl(${hue} 55% 62%)"/><stop offset="1" stop-color="hsl(${second} 60% 46%)"/></linearGradient></defs><rect width="100" height="100" fill="url(#g)"/><g fill="#fff" fill-opacity=".82">${dots.join('')}</g></svg>`,
  );
}
