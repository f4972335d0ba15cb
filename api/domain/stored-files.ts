import { buffer } from 'node:stream/consumers';
import type { Upload } from '../../prisma/generated/client.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { uuid } from '../infra/database/types.ts';
import type { Objects } from '../infra/objects/objects.ts';
import { fileKey, thumbnailKey } from './file-keys.ts';
import type { FileVariant } from './file-urls.ts';

/** A file as it is served. */
export interface ServedFile {
  /** Key of the object with the content. */
  key: string;
  filename: string;
  mimetype: string;
  /** Size in bytes. */
  size: number;
}

/** Access to stored files. It checks no permissions: its callers do, or check the signature of a URL. */
export function createStoredFiles(options: { database: Pick<Database, 'prisma' | 'query'>; objects: Objects }) {
  const { database, objects } = options;
  const { prisma } = database;

  return {
    /** Returns an upload and the id of the message that it is attached to, if any; null if there is no such upload. */
    async byId(id: string): Promise<{ upload: Upload; messageId: string | null } | null> {
      const [upload, attachment] = await Promise.all([
        prisma.upload.findUnique({ where: { id } }),
        prisma.attachment.findUnique({ where: { id } }),
      ]);
      return upload && { upload, messageId: attachment?.messageId ?? null };
    },

    /**
     * Returns the file or the thumbnail of an upload, or null if it may no longer be served: it was removed, its message was
     * deleted, or it is a file without a channel that is not a picture, as former releases stored.
     */
    async findFile(id: string, variant: FileVariant): Promise<ServedFile | null> {
      const [upload] = await database.query(selectServed, { id });
      if (upload === undefined) return null;
      const { filename, mimetype, byteSize } = upload;
      if (variant === 'file') return { key: fileKey(id), filename, mimetype, size: byteSize };
      const found = await objects.head(thumbnailKey(id));
      return found && { key: found.key, filename: `${filename}.webp`, mimetype: 'image/webp', size: found.bytes };
    },

    /** Opens an object, as `Objects.get` does. */
    read: objects.get,

    /** Presigns a URL of an object in the store, as `Objects.readUrl` does. */
    readUrl: objects.readUrl,

    /** Returns the thumbnail of an upload in WebP, or null if there is none. */
    async thumbnail(id: string): Promise<Buffer | null> {
      const found = await objects.get(thumbnailKey(id));
      return found && buffer(found);
    },
  };
}

const served = columns(tables.upload, 'u', ['filename', 'mimetype', 'byteSize']);

const selectServed = statement({
  sql: `
    SELECT ${served.list} FROM upload u
    LEFT JOIN attachment a ON a.id = u.id
    LEFT JOIN entry e ON e.id = a.message_id
    WHERE u.id = $id AND e.deleted_at IS NULL AND (u.channel_id IS NOT NULL OR u.width IS NOT NULL)`,
  parameters: { id: uuid },
  row: served.row,
});
