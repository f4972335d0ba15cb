import type { Database } from '../infra/database/database.ts';
import type { Objects } from '../infra/objects/objects.ts';
import type { Access } from './access.ts';
import { createAttachments, attachableMs as defaultAttachableMs } from './attachments.ts';
import { createDirectUploads } from './direct-uploads.ts';
import { createFileStore } from './file-store.ts';
import type { FileUrls } from './file-urls.ts';
import type { Pictures } from './pictures.ts';
import { createQuotas, type Quotas } from './quotas.ts';
import type { RateLimits } from './rate-limits.ts';
import { createStoredFiles } from './stored-files.ts';
import { createStreamedUploads } from './streamed-uploads.ts';
import { createUploadPermission } from './upload-permission.ts';
import { createUploadRecords } from './upload-records.ts';
import type { UserCache } from './user-cache.ts';

/** Bounds on files, in bytes. */
export interface UploadBounds extends Quotas {
  /** Maximum size of one file. */
  file: number;
}

/**
 * Files of users: uploading them through this server or directly to the store, attaching them to messages, and serving
 * them by signed URLs.
 * @param options.attachableMs see `attachments.ts`
 */
export function createUploads(options: {
  database: Database;
  objects: Objects;
  access: Pick<Access, 'requireSend'>;
  userCache: Pick<UserCache, 'isGuest'>;
  pictures: Pick<Pictures, 'process'>;
  urls: FileUrls;
  bounds: UploadBounds;
  attachableMs?: number;
  rateLimits: RateLimits;
}) {
  const { database, objects, pictures, urls, bounds, attachableMs = defaultAttachableMs } = options;
  const { prisma } = database;
  const quotas = createQuotas({ database, bounds });
  const parts = {
    permission: createUploadPermission(options),
    quotas,
    records: createUploadRecords({ prisma, quotas }),
    store: createFileStore({ objects, pictures }),
  };
  return {
    ...createStreamedUploads(parts),
    ...createDirectUploads({ ...parts, prisma, objects, maxBytes: bounds.file, attachableMs }),
    ...createAttachments({ prisma, attachableMs }),
    ...createStoredFiles({ database, objects }),
    urls,
    /** Maximum size of one file, in bytes. */
    maxBytes: bounds.file,
  };
}

/** Uploads, as the API and the gateway use them. */
export type Uploads = ReturnType<typeof createUploads>;
