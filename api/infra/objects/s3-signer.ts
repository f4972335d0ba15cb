import { GetObjectCommand } from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { checkKey, type Objects } from './objects.ts';
import { createS3Client, type S3Address } from './s3-client.ts';

/** Media type of every object that a client posts; the real type is detected later, from the content. */
const postedType = 'application/octet-stream';

/**
 * Presigns forms and URLs with which clients reach a bucket directly. It sends no requests to the store.
 * @param options.endpoint URL under which clients reach the store; without it, Amazon S3
 * @param options.directReads whether clients may read objects from the store
 */
export async function createS3Signer(options: S3Address & { bucket: string; directReads: boolean }) {
  const { bucket: Bucket, directReads } = options;
  const client = createS3Client(options, 1);

  const presignPost: Objects['presignPost'] = async (key, { bytes, expiresAt }) => {
    const { url, fields } = await createPresignedPost(client, {
      Bucket,
      Key: checkKey(key),
      Fields: { 'Content-Type': postedType },
      Conditions: [
        ['content-length-range', bytes, bytes],
        ['eq', '$Content-Type', postedType],
      ],
      Expires: secondsUntil(expiresAt),
    });
    return { url, fields: Object.entries(fields).map(([name, value]) => ({ name, value })) };
  };

  const readUrl: Objects['readUrl'] = async (key, { type, disposition, expiresAt }) => {
    if (!directReads) return null;
    const as = { ResponseContentType: type, ResponseContentDisposition: disposition };
    const command = new GetObjectCommand({ Bucket, Key: checkKey(key), ...as });
    return getSignedUrl(client, command, { expiresIn: secondsUntil(expiresAt) });
  };

  /** The SDK derives the host from endpoint, region and bucket while it signs, and offers no other way to ask for it. */
  async function findOrigin(): Promise<string> {
    return new URL(await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: 'origin' }))).origin;
  }

  return {
    presignPost,
    readUrl,
    readOrigin: directReads ? await findOrigin() : null,
    destroy: () => client.destroy(),
  };
}

/** Returns at least 1: S3 rejects shorter periods. */
function secondsUntil(time: Date): number {
  return Math.max(1, Math.round((time.getTime() - Date.now()) / 1_000));
}
