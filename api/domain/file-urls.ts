import { createHmac, timingSafeEqual } from 'node:crypto';
import { derivedKeys, type SigningSecrets } from './signing-keys.ts';

/** The file itself, or its thumbnail. */
export type FileVariant = 'file' | 'thumbnail';

/**
 * Creates and checks signed URLs of private files. Everyone who has such a URL can read the file until it expires, one to
 * two windows later, or the file or its message is deleted. URLs that are created within the same window are equal, so that
 * live delivery can share them and caches find them.
 * @param options.secrets secrets from which the signing keys are derived: the first signs, all verify
 * @param options.windowMs milliseconds of a window; windows start at multiples of it since 1970
 * @param options.publicUrl URL under which clients reach this server; if empty, the URLs are paths
 */
export function createFileUrls(options: {
  secrets: SigningSecrets;
  publicUrl: string;
  windowMs: number;
  now?: () => number;
}) {
  const { secrets, publicUrl, windowMs, now = () => Date.now() } = options;
  const keys = derivedKeys(secrets, 'URLs of files');
  const [current] = keys;

  return {
    /** Returns the time at which a URL that is created now expires. */
    expiresAt: (): Date => new Date(expiry()),

    /** Returns the signed URL of a file, which ends with its name. */
    url(id: string, variant: FileVariant, filename: string): string {
      const expires = expiry();
      const query = new URLSearchParams({ expires: String(expires), signature: sign(current, id, variant, expires) });
      return `${publicUrl}/files/${id}/${variant}/${encodeURIComponent(filename)}?${query}`;
    },

    /** Tells whether the query of a URL has a valid signature for this file and has not expired. */
    isValid(id: string, variant: FileVariant, query: URLSearchParams): boolean {
      const expires = Number(query.get('expires'));
      const given = Buffer.from(query.get('signature') ?? '');
      return expires > now() && keys.some((key) => isEqual(given, Buffer.from(sign(key, id, variant, expires))));
    },
  };

  function sign(key: Uint8Array, id: string, variant: FileVariant, expires: number): string {
    return createHmac('sha256', key).update(`${id}/${variant}/${expires}`).digest('base64url');
  }

  function expiry(): number {
    return (Math.floor(now() / windowMs) + 2) * windowMs;
  }
}

function isEqual(given: Buffer, expected: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** Signed URLs of files. */
export type FileUrls = ReturnType<typeof createFileUrls>;
