import type { PrismaClient, Upload } from '../../prisma/generated/client.ts';
import type { AttachmentFacts } from '../events.ts';
import { statement } from '../infra/database/statement.ts';
import { tables } from '../infra/database/tables.ts';
import type { StoredContent } from './file-store.ts';
import type { createQuotas, FileOwner } from './quotas.ts';

/** Rows of stored files. */
export function createUploadRecords(options: { prisma: PrismaClient; quotas: ReturnType<typeof createQuotas> }) {
  const { prisma, quotas } = options;

  return {
    /**
     * Records a stored file.
     * @throws ConflictError if it exceeds a quota
     */
    async add(file: FileOwner & { filename: string }, content: StoredContent): Promise<AttachmentFacts> {
      const upload = { ...file, ...content, createdAt: new Date() };
      await quotas.reserve(upload, upload.byteSize, (query) => query(insertUpload, upload));
      return toFacts(upload);
    },

    /** Returns a file that the user uploaded, or null if there is none with this id. */
    async find(id: string, userId: string): Promise<AttachmentFacts | null> {
      const upload = await prisma.upload.findFirst({ where: { id, userId } });
      return upload && toFacts(upload);
    },
  };
}

/** Rows of stored files. */
export type UploadRecords = ReturnType<typeof createUploadRecords>;

/** Returns the properties of an upload that messages carry. */
export function toFacts({ id, filename, mimetype, byteSize, width, height }: Upload): AttachmentFacts {
  return { id, filename, mimetype, byteSize, width, height };
}

const insertUpload = statement({
  sql: `
    INSERT INTO upload (id, user_id, channel_id, filename, mimetype, byte_size, width, height, created_at)
    VALUES ($id, $userId, $channelId, $filename, $mimetype, $byteSize, $width, $height, $createdAt)`,
  parameters: tables.upload.columns,
});
