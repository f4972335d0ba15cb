import { mkdir } from 'node:fs/promises';
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
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import pLimit from 'p-limit';
import { ignore } from '../../ignore.ts';
import type { Logger } from '../../logger.ts';
import {
  type ByteRange,
  checkKey,
  type Objects,
  type PostForm,
  type PutOptions,
  type StoredObject,
} from './objects.ts';
import { createS3Client, rethrow, type S3Address, translate, unlessMissing, unlessOwned } from './s3-client.ts';
import { spool } from './spool.ts';

/** How the store is used. */
export interface S3Options extends S3Address {
  /** Where clients reach it, unless it is there as well. */
  publicEndpoint?: string | undefined;
  /** Made when it is not there. */
  bucket: string;
  /** Where what comes in waits until it is whole: on a disk of this machine, made when it is not there. */
  directory: string;
  /** Clients read from the store itself. */
  directReads: boolean;
  logger: Logger;
}

/** What a client posts is told by its bytes, later. */
const postedType = 'application/octet-stream';
/** The smallest part that S3 takes, in bytes: two of them are held for each upload. */
const partBytes = 5_242_880;
/** How many objects are sent to the store at once: others wait on the disk, since each takes a few parts of memory. */
const maxUploads = 1;
/** How many requests go on at once, but for those that read. */
const maxSockets = 50;
/** How many objects are read at once: each as slowly as its reader takes it. */
const maxReaders = 1_000;
/** How many objects one request removes at most. */
const maxRemoved = 1_000;

/** Objects in a bucket of S3, or of whatever speaks its protocol. */
export async function createS3Objects(options: S3Options): Promise<Objects> {
  const { bucket: Bucket, directory, directReads, logger } = options;
  const client = createS3Client(options, maxSockets);
  const reader = createS3Client(options, maxReaders);
  // It asks the store for nothing.
  const signer = createS3Client({ ...options, endpoint: options.publicEndpoint ?? options.endpoint }, 1);
  const turn = pLimit(maxUploads);

  async function put(key: string, body: Readable, { type, signal }: PutOptions): Promise<number> {
    checkKey(key);
    // It may fail before it is read, and is found to have failed then.
    body.on('error', ignore);
    try {
      const whole = await spool(directory, body, signal);
      await turn(() => upload(key, whole.read(), type, signal)).finally(whole.close);
      return whole.bytes;
    } catch (error) {
      body.destroy();
      throw body.errored ?? signal?.reason ?? translate(error);
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

  async function post(key: string, { bytes, expiresAt }: { bytes: number; expiresAt: Date }): Promise<PostForm> {
    const { url, fields } = await createPresignedPost(signer, {
      Bucket,
      Key: checkKey(key),
      Fields: { 'Content-Type': postedType },
      Conditions: [
        ['content-length-range', bytes, bytes],
        ['eq', '$Content-Type', postedType],
      ],
      Expires: Math.max(1, Math.round((expiresAt.getTime() - Date.now()) / 1_000)),
    });
    return { url, fields: Object.entries(fields).map(([name, value]) => ({ name, value })) };
  }

  async function head(key: string): Promise<StoredObject | null> {
    const found = await client.send(new HeadObjectCommand({ Bucket, Key: checkKey(key) })).catch(unlessMissing);
    return found && { key, bytes: found.ContentLength ?? 0, at: found.LastModified ?? new Date(0) };
  }

  async function get(key: string, range?: ByteRange): Promise<Readable | null> {
    const Range = range && `bytes=${range.start}-${range.end}`;
    const command = new GetObjectCommand({ Bucket, Key: checkKey(key), ...(Range ? { Range } : {}) });
    const found = await reader.send(command).catch(unlessMissing);
    return found ? (found.Body as Readable) : null;
  }

  async function readUrl(
    key: string,
    { type, disposition, expiresAt }: { type: string; disposition: string; expiresAt: Date },
  ): Promise<string | null> {
    if (!directReads) return null;
    const as = { ResponseContentType: type, ResponseContentDisposition: disposition };
    const expiresIn = Math.max(1, Math.round((expiresAt.getTime() - Date.now()) / 1_000));
    return getSignedUrl(signer, new GetObjectCommand({ Bucket, Key: checkKey(key), ...as }), { expiresIn });
  }

  async function copy(
    from: string,
    to: string,
    { type: ContentType, signal }: PutOptions,
  ): Promise<StoredObject | null> {
    const source = { CopySource: `${Bucket}/${checkKey(from)}`, MetadataDirective: 'REPLACE' } as const;
    const command = new CopyObjectCommand({ Bucket, Key: checkKey(to), ...source, ContentType });
    const copied = await client.send(command, signal && { abortSignal: signal }).catch(unlessMissing);
    return copied && head(to);
  }

  async function remove(keys: readonly string[]): Promise<void> {
    for (let n = 0; n < keys.length; n += maxRemoved) {
      const Objects = keys.slice(n, n + maxRemoved).map((key) => ({ Key: checkKey(key) }));
      const { Errors = [] } = await client
        .send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }))
        .catch(rethrow);
      if (Errors.length > 0)
        throw translate(new Error(`${Errors.length} objects were not removed: ${Errors[0]?.Message}`));
    }
  }

  async function* list(): AsyncIterable<StoredObject> {
    try {
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket })) {
        for (const { Key, Size, LastModified } of Contents) {
          if (Key !== undefined) yield { key: Key, bytes: Size ?? 0, at: LastModified ?? new Date(0) };
        }
      }
    } catch (error) {
      throw translate(error);
    }
  }

  async function sweep(before: Date, isOwn: (key: string) => boolean): Promise<void> {
    for await (const { Key = '', UploadId, Initiated } of listUploads()) {
      if (Initiated === undefined || Initiated >= before || !isOwn(Key)) continue;
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(unlessMissing);
    }
  }

  async function* listUploads(): AsyncIterable<MultipartUpload> {
    let page: Partial<ListMultipartUploadsCommandOutput> = {};
    do {
      const command = new ListMultipartUploadsCommand({ Bucket, KeyMarker: page.NextKeyMarker });
      page = await client.send(command).catch(rethrow);
      yield* page.Uploads ?? [];
    } while (page.IsTruncated);
  }

  async function ready(): Promise<void> {
    await client.send(new HeadBucketCommand({ Bucket })).catch(rethrow);
  }

  async function makeBucket(): Promise<void> {
    const isThere = await client.send(new HeadBucketCommand({ Bucket })).catch(unlessMissing);
    if (isThere) return;
    await client.send(new CreateBucketCommand({ Bucket })).catch(unlessOwned);
    logger.info({ bucket: Bucket }, 'made the bucket for files');
  }

  function destroy(): void {
    client.destroy();
    reader.destroy();
    signer.destroy();
  }

  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await makeBucket();
  } catch (error) {
    destroy();
    throw error;
  }
  return { put, post, head, get, readUrl, copy, remove, list, sweep, ready, stop: async () => destroy() };
}
