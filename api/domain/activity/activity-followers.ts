import type { Logger } from '../../logger.ts';

/** Milliseconds until memberships are compared again after that failed. */
const retryMs = 1_000;

/**
 * Creates the count of the users who follow the activity of one channel.
 * @param options.membersAmong returns those of some users who are members
 * @param options.onLeft called with followers who are no longer members
 */
export function createActivityFollowers(options: {
  membersAmong(userIds: readonly string[]): Promise<ReadonlySet<string>>;
  onLeft(userIds: readonly string[]): void;
  logger: Logger;
}) {
  const { membersAmong, onLeft, logger } = options;
  /** Number of subscriptions of each follower. */
  const followers = new Map<string, number>();
  let retry: NodeJS.Timeout | undefined;
  let isStopped = false;

  return {
    has: (userId: string) => followers.has(userId),
    /** Counts a subscription of a user. Returns a function that takes it back, and must be called once. */
    join(userId: string): () => void {
      followers.set(userId, (followers.get(userId) ?? 0) + 1);
      return () => {
        const others = (followers.get(userId) ?? 1) - 1;
        if (others > 0) followers.set(userId, others);
        else followers.delete(userId);
      };
    },
    compare,
    stop(): void {
      isStopped = true;
      clearTimeout(retry);
    },
  };

  /** Looks for followers who are no longer members, as a signal may have been lost. Never rejects. */
  async function compare(): Promise<void> {
    const asked = [...followers.keys()];
    if (asked.length === 0) return;
    try {
      const members = await membersAmong(asked);
      onLeft(asked.filter((userId) => !members.has(userId)));
    } catch (error) {
      logger.warn({ error }, 'memberships of followers are not known; they are compared again');
      clearTimeout(retry);
      if (!isStopped) retry = setTimeout(() => void compare(), retryMs);
    }
  }
}
