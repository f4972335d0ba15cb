import { S3Client } from '@aws-sdk/client-s3';
import { UnavailableError } from '../../errors.ts';

/** How the store is reached. */
export interface S3Address {
  /** Where it is, unless it is Amazon's. */
  endpoint?: string | undefined;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** How long one request may wait for its answer, in milliseconds. */
  requestTimeoutMs: number;
}

const connectTimeoutMs = 3_000;

/** @param maxSockets how many requests go on at once: others wait */
export function createS3Client(address: S3Address, maxSockets: number): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey, requestTimeoutMs } = address;
  return new S3Client({
    region,
    credentials: { accessKeyId, secretAccessKey },
    // A name of a host for each bucket is Amazon's custom alone.
    ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      // Else it is only warned of.
      throwOnRequestTimeout: true,
      httpAgent: { maxSockets },
      httpsAgent: { maxSockets },
    },
  });
}

const missing = new Set(['NotFound', 'NoSuchKey', 'NoSuchBucket', 'NoSuchUpload']);
const nameOf = (error: unknown) => (error instanceof Error ? error.name : '');

/** Null for what is not there. @throws UnavailableError for anything else */
export function unlessMissing(error: unknown): null {
  if (missing.has(nameOf(error))) return null;
  throw translate(error);
}

/** Another process may have made it at the same moment. */
export function unlessOwned(error: unknown): void {
  if (nameOf(error) !== 'BucketAlreadyOwnedByYou') throw translate(error);
}

/** @throws UnavailableError in the place of the store's own errors */
export function rethrow(error: unknown): never {
  throw translate(error);
}

/** What becomes of the store's own errors. */
export function translate(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return new UnavailableError('The store of files cannot be reached just now: try again.', { cause: error });
}
