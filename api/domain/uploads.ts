import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Upload } from '../../prisma/generated/client.ts';
import { BadUserInputError, ConflictError, NotFoundError, RateLimitedError, TooLargeError } from '../errors.ts';
import type { AttachmentFacts } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { tables } from '../infra/database/tables.ts';
import type { Objects, PostForm } from '../infra/objects/objects.ts';
import type { Limits } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';
import type { Viewer } from './auth.ts';
import { cleanFilename, isPicture, sniff, sniffedBytes } from './file-kinds.ts';
import type { FileUrls, FileVariant } from './file-urls.ts';
import type { Messages } from './messages.ts';
import { readPicture } from './pictures.ts';
import { maySend } from './policies.ts';
import { createQuotas, type Quotas } from './quotas.ts';
import { rejectionError } from './submit-event.ts';

/** A file on its way in. */
export interface IncomingFile {
  /** As its sender calls it. */
  filename: string;
  /** Fails when the sender goes away, or with TooLargeError beyond the bound on files. */
  body: Readable;
}

/** A file to be served. */
export interface OutgoingFile {
  key: string;
  filename: string;
  mimetype: string;
  /** In bytes. */
  size: number;
}

/** Leave to post a file to the store. */
export interface PresignedUpload extends PostForm {
  /** Of the upload that it is to be. */
  id: string;
  expiresAt: Date;
}

/** Bounds on files, in bytes. */
export interface UploadBounds extends Quotas {
  /** Of one file. */
  file: number;
}

/** A picture is read whole. */
const maxPictureBytes = 33_554_432;
/** How long a client has to post a file, in milliseconds. */
const ticketMs = 3_600_000;
const rate = { points: 120, windowMs: 60_000 };

/** Where an upload's bytes are; as they came in, they are elsewhere. */
export const fileKey = (id: string): string => `file/${id}`;
export const thumbnailKey = (id: string): string => `thumbnail/${id}`;
const rawKey = (id: string): string => `raw/${id}`;

/** Files: stored as they stream in, told by their bytes, and served to whoever has a URL that was given for them. */
export function createUploads(options: {
  database: Database;
  objects: Objects;
  limits: Limits;
  standing: Messages['standing'];
  urls: FileUrls;
  bounds: UploadBounds;
  /** For how long an upload may be finished, attached or shown, in milliseconds: well before the collection takes it. */
  attachableMs: number;
  /** Whether rates are limited at all. */
  rateLimits: boolean;
  logger: Logger;
}) {
  const { database, objects, limits, standing, urls, bounds, attachableMs, rateLimits, logger } = options;
  const { prisma } = database;
  const quotas = createQuotas({ database, bounds });

  const ofLate = () => ({ gt: new Date(Date.now() - attachableMs) });

  async function limit(userId: string): Promise<void> {
    if (!rateLimits) return;
    const retryAfterMs = await limits.take(`uploads:${userId}`, rate).catch((error: unknown) => {
      logger.warn({ error }, 'uploads are not limited: state is away');
      return 0;
    });
    if (retryAfterMs > 0) throw new RateLimitedError('Too many files: wait a little.', retryAfterMs);
  }

  /** Stores a picture as it is to be shown; what came in is there no longer than that takes. */
  async function storePicture(id: string, body: Readable, mimetype: string): Promise<Stored> {
    const key = rawKey(id);
    try {
      return await refinePicture(id, { key, bytes: await objects.put(key, body, { type: mimetype }), mimetype });
    } finally {
      await objects.remove([key]);
    }
  }

  async function refinePicture(
    id: string,
    { key, bytes, mimetype }: { key: string; bytes: number; mimetype: string },
  ): Promise<Stored> {
    if (bytes > maxPictureBytes)
      throw new TooLargeError(`A picture takes at most ${maxPictureBytes} bytes: send a smaller one.`, maxPictureBytes);
    const open = async () => {
      const raw = await objects.get(key, { start: 0, end: bytes - 1 });
      if (raw === null) throw new ConflictError('The file is gone meanwhile: send it again.');
      return buffer(raw);
    };
    return readPicture(open, async ({ body: clean, thumbnail, width, height }) => {
      await objects.put(fileKey(id), Readable.from([clean]), { type: mimetype });
      await objects.put(thumbnailKey(id), Readable.from([thumbnail]), { type: 'image/webp' });
      return { byteSize: clean.length, width, height };
    });
  }

  /**
   * What a client has posted by itself, told by its bytes as any other, and kept as what it was then: for as long as its leave
   * lasts, the client may post something else in its place.
   */
  async function examine(id: string, bytes: number): Promise<Stored & { mimetype: string }> {
    const key = rawKey(id);
    const mimetype = await sniffStored(key, bytes);
    if (isPicture(mimetype)) return { mimetype, ...(await refinePicture(id, { key, bytes, mimetype })) };
    const copy = await objects.copy(key, fileKey(id), { type: mimetype });
    if (copy?.bytes !== bytes || (await sniffStored(copy.key, bytes)) !== mimetype)
      throw new ConflictError('Another file was posted meanwhile: finish again.');
    return { mimetype, byteSize: bytes, width: null, height: null };
  }

  async function sniffStored(key: string, bytes: number): Promise<string> {
    const head = await objects.get(key, { start: 0, end: Math.min(bytes, sniffedBytes) - 1 });
    if (head === null) throw new ConflictError('The file was not posted as it was announced.');
    return sniff(await buffer(head));
  }

  /** What was posted is kept for another try, unless its bytes are at fault. */
  async function removePosted(id: string, error: unknown): Promise<never> {
    // The collection finds what cannot be removed now.
    if (error instanceof BadUserInputError || error instanceof TooLargeError)
      await objects.remove([rawKey(id)]).catch(() => {});
    throw error;
  }

  async function checkPlace(userId: string, channelId: string | null): Promise<void> {
    await limit(userId);
    if (channelId === null) return;
    const { channel, member } = await standing(channelId, userId);
    const refusal = maySend(channel, member);
    if (refusal) throw rejectionError(refusal);
  }

  /** Writes down what was stored, where there is room for it. */
  async function settle(
    upload: Omit<Upload, 'createdAt' | keyof Stored | 'mimetype'>,
    stored: Promise<Stored & { mimetype: string }>,
  ): Promise<AttachmentFacts> {
    const whole = { ...upload, createdAt: new Date(), ...(await stored) };
    await quotas.take(whole, whole.byteSize, (query) => query(insertUpload, whole));
    return toFacts(whole);
  }

  async function removeStored(id: string): Promise<void> {
    // The collection finds what cannot be removed now.
    await objects.remove([fileKey(id), thumbnailKey(id)]).catch(() => {});
  }

  /** What was written down of an upload, if anything, by another call at the same time. */
  async function settled(id: string, userId: string): Promise<AttachmentFacts | null> {
    const upload = await prisma.upload.findFirst({ where: { id, userId } });
    return upload && toFacts(upload);
  }

  async function store(id: string, { head, body }: Peeked): Promise<Stored & { mimetype: string }> {
    const mimetype = await sniff(head);
    if (isPicture(mimetype)) return { mimetype, ...(await storePicture(id, body, mimetype)) };
    const byteSize = await objects.put(fileKey(id), body, { type: mimetype });
    return { mimetype, byteSize, width: null, height: null };
  }

  return {
    /** Stores a file, for one channel, or for the viewer's own picture. */
    async upload(
      { userId }: Viewer,
      { file, channelId }: { file: () => Promise<IncomingFile>; channelId: string | null },
    ): Promise<AttachmentFacts> {
      await checkPlace(userId, channelId);
      const owner = { id: randomUUID(), userId, channelId };
      const metered = await quotas.meter(owner);
      const { filename, body } = await file();
      const incoming = metered(body);
      try {
        const stored = store(owner.id, await peek(incoming));
        return await settle({ ...owner, filename: cleanFilename(filename) }, stored);
      } catch (error) {
        await removeStored(owner.id);
        throw error;
      } finally {
        // What came in is counted until this ends.
        incoming.destroy();
        body.destroy();
      }
    },

    /**
     * Lets a client post a big file to the store by itself.
     * @throws ConflictError where the store has no way to
     */
    async start(
      { userId }: Viewer,
      { channelId, filename, byteSize }: { channelId: string | null; filename: string; byteSize: number },
    ): Promise<PresignedUpload> {
      if (byteSize < 1) throw new BadUserInputError([{ path: 'input.byteSize', message: 'takes 1 or more' }]);
      if (byteSize > bounds.file)
        throw new TooLargeError(`A file takes at most ${bounds.file} bytes: send a smaller one.`, bounds.file);
      await checkPlace(userId, channelId);
      const id = randomUUID();
      const expiresAt = new Date(Date.now() + ticketMs);
      const form = await objects.post(rawKey(id), { bytes: byteSize, expiresAt });
      if (form === null) throw new ConflictError('This server takes files by `upload` alone.');
      const ticket = { id, userId, channelId, filename: cleanFilename(filename), byteSize, createdAt: new Date() };
      await quotas.take({ id, userId, channelId }, byteSize, (query) => query(insertTicket, ticket));
      return { id, expiresAt, ...form };
    },

    /**
     * Takes over what was posted. Again gives the same.
     * @throws NotFoundError for what was not begun so; ConflictError when nothing was posted, or not all of it
     */
    async finish({ userId }: Viewer, id: string): Promise<AttachmentFacts> {
      const done = await settled(id, userId);
      if (done) return done;
      const ticket = await prisma.uploadTicket.findFirst({ where: { id, userId, createdAt: ofLate() } });
      if (ticket === null) throw new NotFoundError('No such upload was begun, or it was given up.');
      const posted = await objects.head(rawKey(id));
      if (posted?.bytes !== ticket.byteSize) throw new ConflictError('The file was not posted as it was announced.');
      const { channelId, filename } = ticket;
      const facts = await settle({ id, userId, channelId, filename }, examine(id, posted.bytes)).catch(
        async (error: unknown) => (await settled(id, userId)) ?? removePosted(id, error),
      );
      await prisma.uploadTicket.deleteMany({ where: { id } });
      // The collection finds what cannot be removed now.
      await objects.remove([rawKey(id)]).catch(() => {});
      return facts;
    },

    /**
     * What a message is to say of files that were uploaded for it.
     * @throws BadUserInputError for those that are not the viewer's own, not of this channel, or too old
     */
    async toAttach({ userId }: Viewer, channelId: string, ids: readonly string[]): Promise<AttachmentFacts[]> {
      if (ids.length === 0) return [];
      const where = { id: { in: [...ids] }, userId, channelId, createdAt: ofLate() };
      const found = await prisma.upload.findMany({ where });
      const facts = new Map(found.map((upload) => [upload.id, toFacts(upload)]));
      return ids.map((id, n) => {
        const one = facts.get(id);
        if (one) return one;
        const message = 'names no file that you uploaded for this channel of late: upload it again';
        throw new BadUserInputError([{ path: `input.attachmentIds.${n}`, message }]);
      });
    },

    /**
     * A picture that the viewer uploaded to be shown as the viewer's own; null when there is none with that id, or it is too old
     * and not shown.
     */
    async ownPicture({ userId }: Viewer, id: string): Promise<Upload | null> {
      const inUse = { user: { avatarId: id } };
      const where = { id, userId, channelId: null, width: { not: null }, OR: [{ createdAt: ofLate() }, inUse] };
      return prisma.upload.findFirst({ where });
    },

    /** A file, and the message that it is attached to, if any. */
    async byId(id: string): Promise<{ upload: Upload; messageId: string | null } | null> {
      const [upload, attachment] = await Promise.all([
        prisma.upload.findUnique({ where: { id } }),
        prisma.attachment.findUnique({ where: { id } }),
      ]);
      return upload && { upload, messageId: attachment?.messageId ?? null };
    },

    urls,

    /** A file by a URL; null when there is no such file any more. */
    async outgoing(id: string, variant: FileVariant): Promise<OutgoingFile | null> {
      const upload = await prisma.upload.findUnique({ where: { id } });
      if (upload === null) return null;
      const { filename, mimetype, byteSize } = upload;
      if (variant === 'file') return { key: fileKey(id), filename, mimetype, size: byteSize };
      const found = await objects.head(thumbnailKey(id));
      return found && { key: found.key, filename: `${filename}.webp`, mimetype: 'image/webp', size: found.bytes };
    },

    read: objects.get,
    readUrl: objects.readUrl,

    /** The small picture of an upload; null when it is gone. */
    async thumbnail(id: string): Promise<Buffer | null> {
      const found = await objects.get(thumbnailKey(id));
      return found && buffer(found);
    },

    /** How many bytes one file may have. */
    maxBytes: bounds.file,
  };
}

export type Uploads = ReturnType<typeof createUploads>;

interface Stored {
  byteSize: number;
  width: number | null;
  height: number | null;
}

/** A stream, and what it begins with. */
interface Peeked {
  head: Buffer;
  body: Readable;
}

async function peek(stream: Readable): Promise<Peeked> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < sniffedBytes) {
    const { done, value } = await chunks.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  return { head: head.subarray(0, sniffedBytes), body: Readable.from(rejoin(head, chunks)) };
}

async function* rejoin(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

function toFacts({ id, filename, mimetype, byteSize, width, height }: Upload): AttachmentFacts {
  return { id, filename, mimetype, byteSize, width, height };
}

const insertUpload = statement({
  sql: `
    INSERT INTO upload (id, user_id, channel_id, filename, mimetype, byte_size, width, height, created_at)
    VALUES ($id, $userId, $channelId, $filename, $mimetype, $byteSize, $width, $height, $createdAt)`,
  parameters: tables.upload.columns,
});

const insertTicket = statement({
  sql: `
    INSERT INTO upload_ticket (id, user_id, channel_id, filename, byte_size, created_at)
    VALUES ($id, $userId, $channelId, $filename, $byteSize, $createdAt)`,
  parameters: tables.uploadTicket.columns,
});
