import { RateLimitedError } from '../errors.ts';
import type { Limits } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';
import type { Messages } from './messages.ts';
import { maySend } from './policies.ts';
import { rejectionError } from './submit-event.ts';

/** Number of uploads that each user may start in a minute. */
const rate = { points: 120, windowMs: 60_000 };

/** Decides whether a user may upload a file. */
export function createUploadPermission(options: {
  limits: Limits;
  standing: Messages['standing'];
  rateLimits: boolean;
  logger: Logger;
}) {
  const { limits, standing, rateLimits, logger } = options;

  return {
    /**
     * Checks that a user may upload a file for a channel, or for the user's own picture if `channelId` is null.
     * @throws RateLimitedError after too many uploads; NotFoundError, ForbiddenError or ConflictError if the user may not
     * send messages to the channel
     */
    async check(userId: string, channelId: string | null): Promise<void> {
      await limit(userId);
      if (channelId === null) return;
      const { channel, member } = await standing(channelId, userId);
      const refusal = maySend(channel, member);
      if (refusal) throw rejectionError(refusal);
    },
  };

  async function limit(userId: string): Promise<void> {
    if (!rateLimits) return;
    const retryAfterMs = await limits.take(`uploads:${userId}`, rate).catch((error: unknown) => {
      logger.warn({ error }, 'uploads are not rate-limited: the state store is unavailable');
      return 0;
    });
    if (retryAfterMs > 0) throw new RateLimitedError('Too many uploads. Wait a little.', retryAfterMs);
  }
}

/** Decides whether a user may upload a file. */
export type UploadPermission = ReturnType<typeof createUploadPermission>;
