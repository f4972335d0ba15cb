import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import pLimit from 'p-limit';
import { UnavailableError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import {
  type ByteRange,
  checkKey,
  type Objects,
  type PostForm,
  type PutOptions,
  type StoredObject,
} from './objects.ts';

/** How the store is reached. */
export interface S3Options {
  /** Where it is, unless it is Amazon's. */
  endpoint?: string | undefined;
  /** Where clients reach it, unless it is there as well. */
  publicEndpoint?: string | undefined;
  /** Made when it is not there. */
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Clients read from the store itself. */
  directReads: boolean;
  logger: Logger;
}

/** What a client posts is told by its bytes, later. */
const postedType = 'application/octet-stream';
/** The smallest part that S3 takes, in bytes: two of them are held for each upload. */
const partBytes = 5_242_880;
/** How many uploads send their parts at once: others wait, and so does whoever sends them. */
const maxUploads = 3;
const connectTimeoutMs = 3_000;
const requestTimeoutMs = 60_000;
/** How many objects one request removes at most. */
const maxRemoved = 1_000;

/** Objects in a bucket of S3, or of whatever speaks its protocol. */
export async function createS3Objects(options: S3Options): Promise<Objects> {
  const { bucket: Bucket, directReads, logger } = options;
  const client = connect(options);
  const signer = connect({ ...options, endpoint: options.publicEndpoint ?? options.endpoint });
  const turn = pLimit(maxUploads);

  async function put(key: string, body: Readable, { type, signal }: PutOptions): Promise<number> {
    checkKey(key);
    // It may fail before its turn comes, and is found to have failed then.
    body.on('error', ignore);
    let bytes = 0;
    const counted = Readable.from(count(body, (more) => (bytes += more)));
    try {
      await turn(() => upload(key, counted, type, signal));
      return bytes;
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
    const found = await client.send(command).catch(unlessMissing);
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
      if (Errors.length > 0) throw away(new Error(`${Errors.length} objects were not removed: ${Errors[0]?.Message}`));
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

  async function sweep(before: Date): Promise<void> {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket })).catch(rethrow);
    for (const { Key, UploadId, Initiated } of Uploads) {
      if (Initiated === undefined || Initiated >= before) continue;
      await client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(unlessMissing);
    }
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

  await makeBucket();
  return { put, post, head, get, readUrl, copy, remove, list, sweep, ready, stop: async () => client.destroy() };
}

function connect({ endpoint, region, accessKeyId, secretAccessKey }: S3Options): S3Client {
  return new S3Client({
    region,
    credentials: { accessKeyId, secretAccessKey },
    // A name of a host for each bucket is Amazon's custom alone.
    ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: connectTimeoutMs, requestTimeout: requestTimeoutMs },
  });
}

async function* count(body: Readable, add: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of body as AsyncIterable<Buffer>) {
    add(chunk.length);
    yield chunk;
  }
}

const missing = new Set(['NotFound', 'NoSuchKey', 'NoSuchBucket', 'NoSuchUpload']);
const nameOf = (error: unknown) => (error instanceof Error ? error.name : '');

function unlessMissing(error: unknown): null {
  if (missing.has(nameOf(error))) return null;
  throw translate(error);
}

/** Another process may have made it at the same moment. */
function unlessOwned(error: unknown): void {
  if (nameOf(error) !== 'BucketAlreadyOwnedByYou') throw translate(error);
}

function rethrow(error: unknown): never {
  throw translate(error);
}

function translate(error: unknown): unknown {
  return error instanceof Error ? away(error) : error;
}

function ignore(): void {}

function away(cause: Error): UnavailableError {
  return new UnavailableError('The store of files cannot be reached just now: try again.', { cause });
}
