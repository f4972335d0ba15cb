import type { Config } from '../config.ts';
import type { Access } from '../domain/access.ts';
import { createFileUrls } from '../domain/file-urls.ts';
import { createPictures } from '../domain/pictures.ts';
import type { RateLimits } from '../domain/rate-limits.ts';
import type { SigningSecrets } from '../domain/signing-keys.ts';
import { createUploads } from '../domain/uploads.ts';
import type { createUserCache } from '../domain/user-cache.ts';
import type { Database } from '../infra/database/database.ts';
import type { Objects } from '../infra/objects/objects.ts';
import type { Logger } from '../logger.ts';
import type { Open } from './lifecycle.ts';

/** Opens the uploads of a gateway, with the process that examines pictures. */
export async function openUploads(given: {
  config: Config;
  open: Open;
  database: Database;
  objects: Objects;
  access: Access;
  userCache: ReturnType<typeof createUserCache>;
  rateLimits: RateLimits;
  secrets: SigningSecrets;
  logger: Logger;
}) {
  const { config, open, secrets } = given;
  const pictures = await open('picture processes', createPictures({ ...given, timeoutMs: config.PICTURE_TIMEOUT_MS }));
  const publicUrl = config.PUBLIC_URL ?? '';
  return createUploads({
    ...given,
    pictures,
    urls: createFileUrls({ secrets, publicUrl, windowMs: config.FILE_URL_SECONDS * 1_000 }),
    bounds: {
      file: config.MAX_UPLOAD_BYTES,
      user: config.MAX_USER_FILES_BYTES,
      guest: config.MAX_GUEST_FILES_BYTES,
      channel: config.MAX_CHANNEL_FILES_BYTES,
      total: config.MAX_TOTAL_FILES_BYTES,
    },
  });
}
