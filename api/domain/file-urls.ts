import { createHmac, timingSafeEqual } from 'node:crypto';

/** What of a file a URL leads to. */
export type FileVariant = 'file' | 'thumbnail';

/** URLs begin to be valid together, so that what is delivered live is the same for all. */
const windowMs = 3_600_000;

/**
 * URLs of private files: whoever has one may read the file until it expires, between one and two hours after it was given. They
 * are the same for everybody within an hour.
 * @param options.secret what they are signed with
 * @param options.publicUrl where clients reach this server; empty: URLs are paths
 */
export function createFileUrls(options: { secret: string; publicUrl: string; now?: () => number }) {
  const { secret, publicUrl, now = () => Date.now() } = options;
  const key = createHmac('sha256', secret).update('URLs of files').digest();
  const sign = (id: string, variant: FileVariant, expires: number) =>
    createHmac('sha256', key).update(`${id}/${variant}/${expires}`).digest('base64url');

  /** When a URL that is given now expires, in epoch milliseconds. */
  const expiry = (): number => (Math.floor(now() / windowMs) + 2) * windowMs;

  return {
    expiresAt: (): Date => new Date(expiry()),

    url(id: string, variant: FileVariant, filename: string): string {
      const expires = expiry();
      const query = new URLSearchParams({ expires: String(expires), signature: sign(id, variant, expires) });
      return `${publicUrl}/files/${id}/${variant}/${encodeURIComponent(filename)}?${query}`;
    },

    /** Whether a URL is one that was given, and has not expired. */
    isValid(id: string, variant: FileVariant, query: URLSearchParams): boolean {
      const expires = Number(query.get('expires'));
      const given = Buffer.from(query.get('signature') ?? '');
      const wanted = Buffer.from(sign(id, variant, expires));
      return expires > now() && given.length === wanted.length && timingSafeEqual(given, wanted);
    },
  };
}

export type FileUrls = ReturnType<typeof createFileUrls>;
