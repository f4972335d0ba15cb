import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  type MultipartUpload,
  paginateListObjectsV2,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import pLimit from 'p-limit';
import { ignore } from '../../ignore.ts';
import type { Logger } from '../../logger.ts';
import { prepareDirectory } from '../../private-directory.ts';
import { bufferToDisk } from './buffer-to-disk.ts';
import {
  type ByteRange,
  checkKey,
  type ObjectPage,
  type Objects,
  type PutOptions,
  type StoredObject,
} from './objects.ts';
import {
  createS3Client,
  ignoreAlreadyOwned,
  nullIfMissing,
  type S3Address,
  throwUnavailable,
  toUnavailable,
} from './s3-client.ts';
import { createS3Signer } from './s3-signer.ts';

/** Configuration of the S3 store. */
export interface S3Options extends S3Address {
  /** URL under which clients reach the store; defaults to `endpoint`. */
  publicEndpoint?: string | undefined;
  /** Name of the bucket; it is created if it does not exist. */
  bucket: string;
  /** Directory on a local disk in which incoming files are buffered; it is created if it does not exist. */
  directory: string;
  /** Whether clients read files from the store directly. */
  directReads: boolean;
  logger: Logger;
}

/** Size of the parts of an upload, in bytes: the smallest that S3 accepts, since two are in memory for each upload. */
const partBytes = 5_242_880;
/** Number of concurrent uploads to the store. Others wait on the disk, since each upload holds a few parts in memory. */
const maxUploads = 1;
/** Number of concurrent requests that do not read objects. */
const maxSockets = 50;
/** Number of objects read at once, each as slowly as its reader consumes it. */
const maxReadSockets = 1_000;
/** Number of objects that one request may delete, limited by S3. */
const maxRemoved = 1_000;

/**
 * Stores objects in a bucket of S3, or of another store with the same protocol.
 * @throws UnavailableError if the bucket can be neither found nor created
 */
export async function createS3Objects(options: S3Options): Promise<Objects> {
  const { bucket: Bucket, directory, logger } = options;
  const client = createS3Client(options, maxSockets);
  const reader = createS3Client(options, maxReadSockets);
  const signer = await createS3Signer({ ...options, endpoint: options.publicEndpoint ?? options.endpoint });
  const uploadQueue = pLimit(maxUploads);

  try {
    await prepareDirectory(directory);
    await createBucket();
  } catch (error) {
    destroy();
    throw error;
  }
  return {
    put,
    head,
    get,
    copy,
    remove,
    list,
    removeIncomplete,
    presignPost: signer.presignPost,
    readUrl: signer.readUrl,
    readOrigin: signer.readOrigin,
    ready,
    stop: async () => destroy(),
  };

  async function createBucket(): Promise<void> {
    const found = await client.send(new HeadBucketCommand({ Bucket })).catch(nullIfMissing);
    if (found) return;
    await client.send(new CreateBucketCommand({ Bucket })).catch(ignoreAlreadyOwned);
    logger.info({ bucket: Bucket }, 'created the bucket for files');
  }

  async function put(key: string, body: Readable, { type, signal }: PutOptions): Promise<number> {
    checkKey(key);
    // The stream may fail before it is read; `bufferToDisk` rejects then.
    body.on('error', ignore);
    try {
      const buffered = await bufferToDisk(directory, body, signal);
      await uploadQueue(() => upload(key, buffered.read(), type, signal)).finally(buffered.close);
      return buffered.bytes;
    } catch (error) {
      body.destroy();
      throw body.errored ?? signal?.reason ?? toUnavailable(error);
    }
  }

  async function upload(Key: string, Body: Readable, ContentType: string, signal: AbortSignal | undefined) {
    const task = new Upload({
      client,
      params: { Bucket, Key, Body, ContentType },
      partSize: partBytes,
      queueSize: 1,
    });
    const abort = () => void task.abort();
    signal?.throwIfAborted();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      await task.done();
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  async function head(key: string): Promise<StoredObject | null> {
    const found = await client.send(new HeadObjectCommand({ Bucket, Key: checkKey(key) })).catch(nullIfMissing);
    return found && { key, bytes: found.ContentLength ?? 0, storedAt: found.LastModified ?? new Date(0) };
  }

  async function get(key: string, range?: ByteRange): Promise<Readable | null> {
    const Range = range && `bytes=${range.start}-${range.end}`;
    const command = new GetObjectCommand({ Bucket, Key: checkKey(key), ...(Range ? { Range } : {}) });
    const found = await reader.send(command).catch(nullIfMissing);
    return found ? (found.Body as Readable) : null;
  }

  async function copy(
    from: string,
    to: string,
    { type: ContentType, signal }: PutOptions,
  ): Promise<StoredObject | null> {
    const source = { CopySource: `${Bucket}/${checkKey(from)}`, MetadataDirective: 'REPLACE' } as const;
    const command = new CopyObjectCommand({ Bucket, Key: checkKey(to), ...source, ContentType });
    const copied = await client.send(command, signal && { abortSignal: signal }).catch(nullIfMissing);
    return copied && head(to);
  }

  async function remove(keys: readonly string[]): Promise<void> {
    for (let n = 0; n < keys.length; n += maxRemoved) {
      const Objects = keys.slice(n, n + maxRemoved).map((key) => ({ Key: checkKey(key) }));
      const { Errors = [] } = await client
        .send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }))
        .catch(throwUnavailable);
      if (Errors.length > 0)
        throw toUnavailable(new Error(`${Errors.length} objects were not removed: ${Errors[0]?.Message}`));
    }
  }

  /** A cursor is the last key of its page: the store lists keys in order. */
  async function* list(after?: string): AsyncIterable<ObjectPage> {
    try {
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket, StartAfter: after })) {
        const objects = Contents.flatMap(({ Key, Size, LastModified }) =>
          Key === undefined ? [] : { key: Key, bytes: Size ?? 0, storedAt: LastModified ?? new Date(0) },
        );
        const last = objects.at(-1);
        if (last) yield { objects, cursor: last.key };
      }
    } catch (error) {
      throw toUnavailable(error);
    }
  }

  async function removeIncomplete(before: Date, isOwn: (key: string) => boolean): Promise<void> {
    for await (const { Key = '', UploadId, Initiated } of listIncomplete()) {
      if (Initiated === undefined || Initiated >= before || !isOwn(Key)) continue;
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(nullIfMissing);
    }
  }

  async function* listIncomplete(): AsyncIterable<MultipartUpload> {
    let page: Partial<ListMultipartUploadsCommandOutput> = {};
    do {
      const command = new ListMultipartUploadsCommand({ Bucket, KeyMarker: page.NextKeyMarker });
      page = await client.send(command).catch(throwUnavailable);
      yield* page.Uploads ?? [];
    } while (page.IsTruncated);
  }

  async function ready(): Promise<void> {
    await client.send(new HeadBucketCommand({ Bucket })).catch(throwUnavailable);
  }

  function destroy(): void {
    client.destroy();
    reader.destroy();
    signer.destroy();
  }
}
