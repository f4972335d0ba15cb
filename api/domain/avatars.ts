import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import type { User } from '../../prisma/generated/client.ts';
import type { Database } from '../infra/database/database.ts';
import type { Logger } from '../logger.ts';

/** A picture to be served. */
export interface Picture {
  type: 'image/svg+xml' | 'image/png' | 'image/jpeg' | 'image/webp';
  body: Buffer;
}

const gravatarUrl = 'https://gravatar.com/avatar/';
const maxBytes = 262_144;
const timeoutMs = 3_000;
/** How long a picture from Gravatar, or that there is none, is kept before it is asked for again. */
const keepMs = 86_400_000;

/**
 * Users' pictures. Clients never talk to Gravatar: where it is on, this server fetches the picture and keeps it.
 * @param options.publicUrl where clients reach this server; empty: URLs are paths
 * @param options.gravatar the folder to keep fetched pictures in, or null where none are fetched
 */
export function createAvatars(options: {
  database: Pick<Database, 'prisma'>;
  publicUrl: string;
  gravatar: { directory: string; fetch: typeof fetch } | null;
  /** The small picture of an upload; null when it is gone. */
  thumbnail(uploadId: string): Promise<Buffer | null>;
  logger: Logger;
}) {
  const { database, publicUrl, gravatar, thumbnail, logger } = options;

  async function fromGravatar(email: string): Promise<Picture | null> {
    if (gravatar === null) return null;
    const name = createHash('sha256').update(email).digest('hex');
    const path = `${gravatar.directory}/${name}`;
    const kept = await stat(path).catch(() => null);
    if (kept && kept.mtimeMs > Date.now() - keepMs) return toPicture(await readFile(path));
    const body = await download(gravatar.fetch, name);
    await mkdir(gravatar.directory, { recursive: true });
    // Each has a file of its own: many may fetch the same picture at once.
    const fresh = `${path}.${randomUUID()}`;
    await writeFile(fresh, body);
    await rename(fresh, path);
    return toPicture(body);
  }

  async function fromUpload(uploadId: string): Promise<Picture | null> {
    const body = await thumbnail(uploadId).catch((error: unknown) => {
      logger.warn({ error, uploadId }, 'the picture could not be read; another is served');
      return null;
    });
    return body && { type: 'image/webp', body };
  }

  return {
    /** Where a user's picture is: elsewhere once it is another. */
    url: ({ id, avatarId }: Pick<User, 'id' | 'avatarId'>): string =>
      `${publicUrl}/avatars/${id}${avatarId === null ? '' : `?picture=${avatarId}`}`,

    /** A user's picture; null when there is no such user. */
    async picture(userId: string): Promise<Picture | null> {
      const user = await database.prisma.user.findUnique({ where: { id: userId } });
      if (user === null) return null;
      const own = user.avatarId === null ? null : await fromUpload(user.avatarId);
      if (own) return own;
      const fetched = await (user.email === null ? null : fromGravatar(user.email))?.catch((error: unknown) => {
        logger.warn({ error, userId }, 'the picture could not be fetched from Gravatar; the drawn one is served');
        return null;
      });
      return fetched ?? { type: 'image/svg+xml', body: draw(userId) };
    },
  };
}

export type Avatars = ReturnType<typeof createAvatars>;

/** Empty where Gravatar has none. */
async function download(fetcher: typeof fetch, name: string): Promise<Buffer> {
  const response = await fetcher(`${gravatarUrl}${name}?d=404&s=160`, { signal: AbortSignal.timeout(timeoutMs) });
  if (response.status === 404) return Buffer.alloc(0);
  if (!response.ok || response.body === null) throw new Error(`Gravatar answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new Error(`Gravatar's picture has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** By the bytes it begins with; null for what is no picture, so that nothing else is ever served from here. */
function toPicture(body: Buffer): Picture | null {
  if (body.subarray(0, 4).equals(Buffer.from([0x89, 0x50, 0x4e, 0x47]))) return { type: 'image/png', body };
  if (body.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return { type: 'image/jpeg', body };
  const isWebp = body.toString('latin1', 0, 4) === 'RIFF' && body.toString('latin1', 8, 12) === 'WEBP';
  return isWebp ? { type: 'image/webp', body } : null;
}

/** A mirrored pattern of soft shapes in two neighbouring hues, all of it from the id. */
function draw(userId: string): Buffer {
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
