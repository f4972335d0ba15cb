import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { AttachmentFacts } from '../events.ts';
import { readText } from '../text/text-kinds.ts';
import type { Viewer } from './auth.ts';
import type { FileStore } from './file-store.ts';
import type { createQuotas } from './quotas.ts';
import type { UploadPermission } from './upload-permission.ts';
import type { UploadRecords } from './upload-records.ts';

/** A file that a client is sending. */
export interface IncomingFile {
  /** Name that the client gives the file. */
  filename: string;
  /** Fails if the client disconnects, or with TooLargeError above the maximum file size. */
  body: Readable;
}

/** Uploads whose content streams through this server. */
export function createStreamedUploads(options: {
  permission: UploadPermission;
  quotas: ReturnType<typeof createQuotas>;
  records: UploadRecords;
  store: FileStore;
}) {
  const { permission, quotas, records, store } = options;

  return {
    /**
     * Stores a file for a channel, or for the viewer's own picture if `channelId` is null.
     * @param from client that sends the file
     * @param input.file opens the file; it is called once the viewer is known to be allowed to upload
     * @throws ConflictError or UnavailableError if a quota is exceeded; BadUserInputError for a broken picture, and without a
     * channel for a file that is not a picture; and the errors of `permission`
     */
    async upload(
      { userId }: Viewer,
      from: { address: string },
      { file, channelId }: { file: () => Promise<IncomingFile>; channelId: string | null },
    ): Promise<AttachmentFacts> {
      await permission.check(userId, channelId, from.address);
      const owner = { id: randomUUID(), userId, channelId };
      const limitIncoming = await quotas.limitIncoming(owner);
      const { filename, body } = await file();
      const incoming = limitIncoming(body);
      try {
        const content = await store.storeStream(owner, incoming);
        return await records.add({ ...owner, filename: readText('fileName', filename, 'filename').value }, content);
      } catch (error) {
        await store.remove(owner.id);
        throw error;
      } finally {
        // The quota counts the incoming bytes until this stream ends.
        incoming.destroy();
        body.destroy();
      }
    },
  };
}
