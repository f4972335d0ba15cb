import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { BadUserInputError, ConflictError, TooLargeError } from '../errors.ts';
import type { Objects } from '../infra/objects/objects.ts';
import { fileKey, rawKey, thumbnailKey } from './file-keys.ts';
import { detectionBytes, detectType, isPicture } from './file-types.ts';
import type { Pictures } from './pictures.ts';

/** Properties of a stored file, taken from its content. */
export interface StoredContent {
  mimetype: string;
  /** Size in bytes. */
  byteSize: number;
  /** Width in pixels, or null if the file is not a picture. */
  width: number | null;
  /** Height in pixels, or null if the file is not a picture. */
  height: number | null;
}

/** The upload that a content belongs to. Without a channel it must be a picture. */
interface StoredFor {
  id: string;
  userId: string;
  channelId: string | null;
}

type OwnPicture = Pick<StoredFor, 'id' | 'userId'>;

/** Maximum size of a picture, in bytes: pictures are read into memory whole. */
export const maxPictureBytes = 33_554_432;

/** Stores the content of uploads: detects its type, strips pictures of metadata and adds a thumbnail. */
export function createFileStore({ objects, pictures }: { objects: Objects; pictures: Pick<Pictures, 'process'> }) {
  return {
    /**
     * Stores a stream as the content of an upload.
     * @throws BadUserInputError for a broken picture, and without a channel for a file that is not a picture; TooLargeError for
     * a picture above 32 MiB; the error of the stream
     */
    async storeStream({ id, userId, channelId }: StoredFor, stream: Readable): Promise<StoredContent> {
      const { head, body } = await readHead(stream);
      const mimetype = requireUsable(await detectType(head), channelId);
      if (isPicture(mimetype)) return storePicture({ id, userId }, body, mimetype);
      const byteSize = await objects.put(fileKey(id), body, { type: mimetype });
      return { mimetype, byteSize, width: null, height: null };
    },

    /**
     * Takes a posted file as the content of an upload. The file is copied, since the client can still post another one under
     * the same key.
     * @throws ConflictError if the file changes meanwhile, and the errors of `storeStream`
     */
    async importPosted({ id, userId, channelId }: StoredFor, bytes: number): Promise<StoredContent> {
      const mimetype = requireUsable(await detectStoredType(rawKey(id), bytes), channelId);
      if (isPicture(mimetype)) return processRaw({ id, userId }, bytes, mimetype);
      const copy = await objects.copy(rawKey(id), fileKey(id), { type: mimetype });
      if (copy?.bytes !== bytes || (await detectStoredType(copy.key, bytes)) !== mimetype)
        throw new ConflictError('Another file was posted meanwhile. Finish again.');
      return { mimetype, byteSize: bytes, width: null, height: null };
    },

    /** Removes the content of an upload. */
    remove: (id: string): Promise<void> => tryRemove(fileKey(id), thumbnailKey(id)),

    /** Removes the unprocessed content of an upload. */
    removeRaw: (id: string): Promise<void> => tryRemove(rawKey(id)),
  };

  async function storePicture(picture: OwnPicture, body: Readable, mimetype: string): Promise<StoredContent> {
    try {
      const bytes = await objects.put(rawKey(picture.id), body, { type: mimetype });
      return await processRaw(picture, bytes, mimetype);
    } finally {
      await objects.remove([rawKey(picture.id)]);
    }
  }

  async function processRaw({ id, userId }: OwnPicture, bytes: number, mimetype: string): Promise<StoredContent> {
    if (bytes > maxPictureBytes)
      throw new TooLargeError(
        `A picture must not exceed ${maxPictureBytes} bytes. Send a smaller one.`,
        maxPictureBytes,
      );
    return pictures.process(
      userId,
      () => readRaw(id, bytes),
      async ({ body, thumbnail, width, height }) => {
        await objects.put(fileKey(id), Readable.from([body]), { type: mimetype });
        await objects.put(thumbnailKey(id), Readable.from([thumbnail]), { type: 'image/webp' });
        return { mimetype, byteSize: body.length, width, height };
      },
    );
  }

  async function readRaw(id: string, bytes: number): Promise<Buffer> {
    const raw = await objects.get(rawKey(id), { start: 0, end: bytes - 1 });
    if (raw === null) throw new ConflictError('The file was removed meanwhile. Send it again.');
    return buffer(raw);
  }

  async function detectStoredType(key: string, bytes: number): Promise<string> {
    const head = await objects.get(key, { start: 0, end: Math.min(bytes, detectionBytes) - 1 });
    if (head === null) throw new ConflictError('The file was not posted with the announced size.');
    return detectType(await buffer(head));
  }

  /** Removes objects if the store can be reached; the cleanup removes them otherwise. */
  async function tryRemove(...keys: string[]): Promise<void> {
    await objects.remove(keys).catch(() => {});
  }
}

/** Store for the content of uploads. */
export type FileStore = ReturnType<typeof createFileStore>;

/**
 * Returns the media type of a file if it may be stored. Files without a channel have readers besides the members of a
 * channel: only pictures may be published so, for profiles.
 */
function requireUsable(mimetype: string, channelId: string | null): string {
  if (channelId !== null || isPicture(mimetype)) return mimetype;
  const message = 'must be a picture (JPEG, PNG, WebP, GIF or AVIF); name a channel to upload other files';
  throw new BadUserInputError([{ path: 'file', message }]);
}

/** Reads the first bytes of a stream, from which its type is detected; `body` has them as well. */
async function readHead(stream: Readable): Promise<{ head: Buffer; body: Readable }> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let head = Buffer.alloc(0);
  while (head.length < detectionBytes) {
    const { done, value } = await chunks.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  return { head: head.subarray(0, detectionBytes), body: Readable.from(prepend(head, chunks)) };
}

async function* prepend(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}
