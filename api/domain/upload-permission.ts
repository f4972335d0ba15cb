import type { Access } from './access.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { UserCache } from './user-cache.ts';

/** Decides whether a user may upload a file. */
export function createUploadPermission(options: {
  access: Pick<Access, 'requireSend'>;
  userCache: Pick<UserCache, 'isGuest'>;
  rateLimits: RateLimits;
}) {
  const { access, userCache, rateLimits } = options;
  const uploads = rateLimits.shared('uploads', rates.uploads);
  const finishedUploads = rateLimits.shared('finished-uploads', rates.finishedUploads);
  const guestUploadsOfDay = rateLimits.ofAddress('guest-uploads-day', rates.guestUploadsOfDay);

  return {
    /**
     * Checks that a user may upload a file for a channel, or for the user's own picture if `channelId` is null.
     * @param address IP address of the client: the guests of one address are limited together
     * @throws RateLimitedError after too many uploads; NotFoundError, ForbiddenError or ConflictError if the user may not
     * send files to the channel
     */
    async check(userId: string, channelId: string | null, address: string): Promise<void> {
      await uploads.take(userId);
      if (await userCache.isGuest(userId)) await guestUploadsOfDay.take(address);
      if (channelId !== null) await access.requireSend(channelId, userId, true);
    },
    /** Counts an attempt to finish a direct upload. @throws RateLimitedError */
    checkFinish: (userId: string): Promise<void> => finishedUploads.take(userId),
  };
}

/** Decides whether a user may upload a file. */
export type UploadPermission = ReturnType<typeof createUploadPermission>;
