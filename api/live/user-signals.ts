import { type UserSignal, userTopic } from '../events.ts';
import type { PubSub, Unsubscribe } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import { createVerification, type VerificationOptions } from './verification.ts';

/** A part of this gateway that follows changes which concern users alone. One listener follows many users. */
export interface UserListener {
  /** Called with each signal. */
  onSignal(userId: string, signal: UserSignal): void;
  /** Compares the part's state of these users with the database, and repairs it: signals may be missing. */
  verify(userIds: readonly string[]): Promise<void>;
}

interface Followed {
  /** Listeners, with the number of times that each follows the user. */
  listeners: Map<UserListener, number>;
  /** Null once the subscription is live. */
  opening: Promise<void> | null;
  unsubscribe: Unsubscribe | null;
}

/** Maximum number of users in one page of the verification, and in a second: each has many memberships. */
const defaultPerSecond = 100;

/**
 * Follows the users who are connected to this gateway: one subscription for each, shared by all listeners, which verify their
 * own state when signals may be missing.
 */
export function createUserSignals(
  options: { pubsub: PubSub; perSecond?: number; logger: Logger } & Pick<VerificationOptions, 'everyMs' | 'awayMs'>,
) {
  const { pubsub, perSecond = defaultPerSecond, logger } = options;
  const users = new Map<string, Followed>();
  const verification = createVerification({ ...options, subject: 'users', followed: users, verify, perSecond });

  return {
    /**
     * Adds a listener to a user; each call needs one of `unfollow`. Signals arrive from when this resolves.
     * @throws the error that kept the user from being followed; then the listener is removed
     */
    async follow(userId: string, listener: UserListener): Promise<void> {
      const followed = users.get(userId) ?? open(userId);
      followed.listeners.set(listener, (followed.listeners.get(listener) ?? 0) + 1);
      await followed.opening;
    },
    /** Removes a listener that was added once more often; does nothing if it does not follow the user. */
    unfollow(userId: string, listener: UserListener): void {
      const followed = users.get(userId);
      const count = followed?.listeners.get(listener);
      if (followed === undefined || count === undefined) return;
      if (count > 1) followed.listeners.set(listener, count - 1);
      else followed.listeners.delete(listener);
      if (followed.listeners.size === 0) close(userId, followed);
    },
    /** Number of followed users, for metrics and tests. */
    size: () => users.size,
    /** Returns true while signals may be missing. */
    mayMiss: verification.mayMiss,
    check: verification.check,
    start: verification.start,
    stop: verification.stop,
  };

  function open(userId: string): Followed {
    const followed: Followed = { listeners: new Map(), opening: null, unsubscribe: null };
    users.set(userId, followed);
    followed.opening = start(userId, followed);
    return followed;
  }

  async function start(userId: string, followed: Followed): Promise<void> {
    try {
      followed.unsubscribe = await pubsub.subscribe(userTopic(userId), (signal) => tell(userId, followed, signal));
      followed.opening = null;
      if (users.get(userId) !== followed) end(followed);
    } catch (error) {
      close(userId, followed);
      throw error;
    }
  }

  function tell(userId: string, { listeners }: Followed, signal: UserSignal): void {
    for (const listener of listeners.keys()) listener.onSignal(userId, signal);
  }

  function close(userId: string, followed: Followed): void {
    if (users.get(userId) === followed) users.delete(userId);
    end(followed);
  }

  function end({ unsubscribe }: Followed): void {
    unsubscribe?.().catch((error: unknown) => logger.debug({ error }, 'a user was not unsubscribed cleanly'));
  }

  /** @throws the first error, once every listener has finished */
  async function verify(userIds: readonly string[]): Promise<void> {
    const pages = new Map<UserListener, string[]>();
    for (const userId of userIds) {
      for (const listener of users.get(userId)?.listeners.keys() ?? []) {
        const page = pages.get(listener);
        if (page) page.push(userId);
        else pages.set(listener, [userId]);
      }
    }
    const results = await Promise.allSettled([...pages].map(([listener, page]) => listener.verify(page)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

/** The users who are followed on this gateway, made by `createUserSignals`. */
export type UserSignals = ReturnType<typeof createUserSignals>;
