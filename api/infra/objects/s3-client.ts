import { S3Client } from '@aws-sdk/client-s3';
import { UnavailableError } from '../../errors.ts';

/** Address and credentials of an S3 store. */
export interface S3Address {
  /** URL of the store; without it, Amazon S3. */
  endpoint?: string | undefined;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Milliseconds that a request may wait for its response; `defaultRequestTimeoutMs` if left out. */
  requestTimeoutMs?: number;
}

const connectTimeoutMs = 3_000;
const defaultRequestTimeoutMs = 60_000;

/**
 * Creates a client for an S3 store.
 * @param maxSockets maximum number of concurrent requests; further requests wait
 */
export function createS3Client(address: S3Address, maxSockets: number): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey, requestTimeoutMs = defaultRequestTimeoutMs } = address;
  return new S3Client({
    region,
    credentials: { accessKeyId, secretAccessKey },
    // Only Amazon has a host name for each bucket.
    ...(endpoint ? { endpoint, forcePathStyle: true } : {}),
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: requestTimeoutMs,
      // Without this the SDK only logs a warning.
      throwOnRequestTimeout: true,
      httpAgent: { maxSockets },
      httpsAgent: { maxSockets },
    },
  });
}

const notFoundErrors = new Set(['NotFound', 'NoSuchKey', 'NoSuchBucket', 'NoSuchUpload']);
const nameOf = (error: unknown) => (error instanceof Error ? error.name : '');

/**
 * Turns a "not found" error of the store into null.
 * @throws UnavailableError in place of any other error of the store
 */
export function nullIfMissing(error: unknown): null {
  if (notFoundErrors.has(nameOf(error))) return null;
  throw toUnavailable(error);
}

/**
 * Ignores that a bucket exists already: another process may have created it at the same moment.
 * @throws UnavailableError in place of any other error of the store
 */
export function ignoreAlreadyOwned(error: unknown): void {
  if (nameOf(error) !== 'BucketAlreadyOwnedByYou') throw toUnavailable(error);
}

/** @throws UnavailableError in place of an error of the store */
export function throwUnavailable(error: unknown): never {
  throw toUnavailable(error);
}

/** Wraps an error of the store in an UnavailableError; values that are not errors are returned unchanged. */
export function toUnavailable(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  return new UnavailableError('The file store cannot be reached right now. Try again.', { cause: error });
}
