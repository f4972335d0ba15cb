import { ForbiddenError, NotFoundError, ResyncRequiredError } from '../errors.ts';
import type { UserListener, UserSignals } from '../live/user-signals.ts';
import type { Logger } from '../logger.ts';
import type { Access, ReadAccess } from './access.ts';

/** Watch of one user who reads a channel, for changes that leave no entry there. */
export interface ReadingWatch {
  /** Returns the error with which the user's stream must end; null if it goes on. */
  ended(): Error | null;
  /** Must be called once the watch is no longer needed. */
  release(): void;
}

/**
 * Creates the watches of users whose access to a channel may change without an entry in it: users who read it before they accept it, and
 * members whose role decides whether earlier messages are hidden from them. They look at the user's own signals.
 * @returns a function that begins a watch
 */
export function createReadingWatch(options: {
  access: Pick<Access, 'requireRead'>;
  userSignals: Pick<UserSignals, 'follow' | 'unfollow'>;
  logger: Logger;
}) {
  const { access, userSignals, logger } = options;

  /** @param begun the access with which the stream begins */
  return async function watch(
    userId: string,
    channelId: string,
    begun: Pick<ReadAccess, 'isInvited' | 'start'>,
  ): Promise<ReadingWatch> {
    let error: Error | null = null;
    const listener: UserListener = { onSignal, verify: check };
    const release = () => userSignals.unfollow(userId, listener);
    await userSignals.follow(userId, listener);
    try {
      await check();
    } catch (failure) {
      release();
      throw failure;
    }
    return { ended: () => error, release };

    function onSignal(_userId: string, signal: Parameters<UserListener['onSignal']>[1]): void {
      if (signal.type !== 'membership' || signal.channelId !== channelId) return;
      check().catch((failure: unknown) =>
        logger.warn({ error: failure }, 'the access of a reader is checked again later'),
      );
    }

    async function check(): Promise<void> {
      const present = await readAccess();
      if (present === null) error ??= begun.isInvited ? declined() : null;
      else if (present.start.seq !== begun.start.seq) error ??= moved();
    }

    /** Returns null if the user may no longer read the channel. The stream of a member ends by the entry of the leave. */
    async function readAccess(): Promise<ReadAccess | null> {
      return access.requireRead(channelId, userId).catch((failure: unknown) => {
        if (failure instanceof ForbiddenError || failure instanceof NotFoundError) return null;
        throw failure;
      });
    }
  };
}

/** See `createReadingWatch`. */
export type WatchReading = ReturnType<typeof createReadingWatch>;

function declined(): Error {
  return new ForbiddenError('You have declined the invitation to this channel.');
}

function moved(): Error {
  return new ResyncRequiredError(
    'Your role now decides otherwise which messages you can read. Drop the cached messages of the channel, load its newest page and subscribe from its position.',
  );
}
