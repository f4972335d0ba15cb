import type { Access } from './access.ts';
import { type RateLimits, rates } from './rate-limits.ts';

/** Decides whether a user may upload a file. */
export function createUploadPermission(options: { access: Pick<Access, 'requireSend'>; rateLimits: RateLimits }) {
  const { access } = options;
  const uploads = options.rateLimits.shared('uploads', rates.uploads);

  return {
    /**
     * Checks that a user may upload a file for a channel, or for the user's own picture if `channelId` is null.
     * @throws RateLimitedError after too many uploads; NotFoundError, ForbiddenError or ConflictError if the user may not
     * send messages to the channel
     */
    async check(userId: string, channelId: string | null): Promise<void> {
      await uploads.take(userId);
      if (channelId !== null) await access.requireSend(channelId, userId);
    },
  };
}

/** Decides whether a user may upload a file. */
export type UploadPermission = ReturnType<typeof createUploadPermission>;
