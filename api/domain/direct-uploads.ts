import { randomUUID } from 'node:crypto';
import type { PrismaClient, UploadTicket } from '../../prisma/generated/client.ts';
import { BadUserInputError, ConflictError, NotFoundError, TooLargeError } from '../errors.ts';
import type { AttachmentFacts } from '../events.ts';
import { statement } from '../infra/database/statement.ts';
import { tables } from '../infra/database/tables.ts';
import type { Objects, PresignedPost } from '../infra/objects/objects.ts';
import { readText } from '../text/text-kinds.ts';
import { newerThan } from './attachments.ts';
import type { Viewer } from './auth.ts';
import { rawKey } from './file-keys.ts';
import { type FileStore, maxPictureBytes } from './file-store.ts';
import type { createQuotas } from './quotas.ts';
import type { UploadPermission } from './upload-permission.ts';
import type { UploadRecords } from './upload-records.ts';

/** Permission to post one file to the store directly. */
export interface PresignedUpload extends PresignedPost {
  /** Id of the upload, with which it is finished. */
  id: string;
  /** End of the time in which the file can be posted. */
  expiresAt: Date;
}

/** Announcement of a direct upload. */
export interface AnnouncedFile {
  /** Channel of the file, or null for the viewer's own picture. */
  channelId: string | null;
  filename: string;
  /** Exact size in bytes. */
  byteSize: number;
}

/** Milliseconds that a client has to post a file. */
const postMs = 3_600_000;

/** Uploads that clients post to the store directly, with a presigned form. */
export function createDirectUploads(options: {
  permission: UploadPermission;
  quotas: ReturnType<typeof createQuotas>;
  records: UploadRecords;
  store: FileStore;
  prisma: PrismaClient;
  objects: Objects;
  /** Maximum size of one file, in bytes. */
  maxBytes: number;
  /** Milliseconds after which an upload can no longer be finished. */
  attachableMs: number;
}) {
  const { permission, quotas, records, store, prisma, objects, maxBytes, attachableMs } = options;

  return {
    /**
     * Reserves room for a file and presigns the form with which the client posts it.
     * @param from client that will post the file
     * @throws BadUserInputError or TooLargeError for a size out of bounds; ConflictError or UnavailableError if a quota is
     * exceeded; ConflictError if the store does not support direct uploads
     */
    async startUpload({ userId }: Viewer, from: { address: string }, file: AnnouncedFile): Promise<PresignedUpload> {
      checkSize(file.byteSize, file.channelId === null ? Math.min(maxBytes, maxPictureBytes) : maxBytes);
      await permission.check(userId, file.channelId, from.address);
      const id = randomUUID();
      const expiresAt = new Date(Date.now() + postMs);
      const form = await objects.presignPost(rawKey(id), { bytes: file.byteSize, expiresAt });
      if (form === null) throw new ConflictError('This server does not support direct uploads. Use `upload`.');
      await addTicket(id, userId, file);
      return { id, expiresAt, ...form };
    },

    /**
     * Validates a posted file and makes it an upload. Idempotent: finishing an upload again returns the same file.
     * @throws NotFoundError if the viewer started no such upload, ConflictError if the file was not posted completely,
     * BadUserInputError for a broken picture, and without a channel for a file that is not a picture; RateLimitedError
     */
    async finishUpload({ userId }: Viewer, id: string): Promise<AttachmentFacts> {
      await permission.checkFinish(userId);
      const finished = await records.find(id, userId);
      if (finished) return finished;
      const ticket = await readTicket(id, userId);
      const facts = await importPosted(ticket).catch(
        // A concurrent call may have finished the upload.
        async (error: unknown) => (await records.find(id, userId)) ?? rejectPosted(id, error),
      );
      await prisma.uploadTicket.deleteMany({ where: { id } });
      await store.removeRaw(id);
      return facts;
    },
  };

  async function addTicket(
    id: string,
    userId: string,
    { channelId, filename, byteSize }: AnnouncedFile,
  ): Promise<void> {
    const ticket = {
      id,
      userId,
      channelId,
      filename: readText('fileName', filename, 'filename').value,
      byteSize,
      createdAt: new Date(),
    };
    await quotas.reserve({ id, userId, channelId }, byteSize, (query) => query(insertTicket, ticket));
  }

  async function readTicket(id: string, userId: string): Promise<UploadTicket> {
    const ticket = await prisma.uploadTicket.findFirst({ where: { id, userId, createdAt: newerThan(attachableMs) } });
    if (ticket === null) throw new NotFoundError('Upload not found, or started too long ago. Start it again.');
    const posted = await objects.head(rawKey(id));
    if (posted?.bytes !== ticket.byteSize)
      throw new ConflictError('The file was not posted with the announced size. Post it, then finish again.');
    return ticket;
  }

  async function importPosted({ id, userId, channelId, filename, byteSize }: UploadTicket): Promise<AttachmentFacts> {
    return records.add(
      { id, userId, channelId, filename, announcedBytes: byteSize },
      await store.importPosted({ id, userId, channelId }, byteSize),
    );
  }

  /** Removes a posted file if its content is invalid; after any other error the client can finish again. */
  async function rejectPosted(id: string, error: unknown): Promise<never> {
    if (error instanceof BadUserInputError || error instanceof TooLargeError) await store.removeRaw(id);
    throw error;
  }
}

function checkSize(byteSize: number, maxBytes: number): void {
  if (byteSize < 1) throw new BadUserInputError([{ path: 'input.byteSize', message: 'must be at least 1' }]);
  if (byteSize > maxBytes)
    throw new TooLargeError(`The file must not exceed ${maxBytes} bytes. Send a smaller one.`, maxBytes);
}

const insertTicket = statement({
  sql: `
    INSERT INTO upload_ticket (id, user_id, channel_id, filename, byte_size, created_at)
    VALUES ($id, $userId, $channelId, $filename, $byteSize, $createdAt)`,
  parameters: tables.uploadTicket.columns,
});
