import { ForbiddenError, NotFoundError } from '../errors.ts';
import type { UserListener, UserSignals } from '../live/user-signals.ts';
import type { Logger } from '../logger.ts';
import type { Access } from './access.ts';

/** Watch of one user who is asked for a direct conversation and reads it. */
export interface InvitationWatch {
  /** Whether the user has declined. */
  isDeclined(): boolean;
  /** Must be called once the watch is no longer needed. */
  release(): void;
}

/**
 * Creates the watches of users who read a channel before they accept it. Declining leaves no entry in the channel, by which the
 * streams of other users end, so these look at the user's own signals.
 * @returns a function that begins a watch
 */
export function createInvitationWatch(options: {
  access: Pick<Access, 'requireRead'>;
  userSignals: Pick<UserSignals, 'follow' | 'unfollow'>;
  logger: Logger;
}) {
  const { access, userSignals, logger } = options;

  return async function watch(userId: string, channelId: string): Promise<InvitationWatch> {
    let isDeclined = false;
    const listener: UserListener = { onSignal, verify: check };
    const release = () => userSignals.unfollow(userId, listener);
    await userSignals.follow(userId, listener);
    try {
      await check();
    } catch (error) {
      release();
      throw error;
    }
    return { isDeclined: () => isDeclined, release };

    function onSignal(_userId: string, signal: Parameters<UserListener['onSignal']>[1]): void {
      if (signal.type !== 'membership' || signal.channelId !== channelId) return;
      check().catch((error: unknown) => logger.warn({ error }, 'an invitation is looked at again by the next check'));
    }

    async function check(): Promise<void> {
      isDeclined = await access.requireRead(channelId, userId).then(
        () => false,
        (error: unknown) => {
          if (error instanceof ForbiddenError || error instanceof NotFoundError) return true;
          throw error;
        },
      );
    }
  };
}

/** See `createInvitationWatch`. */
export type WatchInvitation = ReturnType<typeof createInvitationWatch>;
