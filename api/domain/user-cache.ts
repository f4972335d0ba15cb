import { LRUCache } from 'lru-cache';
import type { User } from '../../prisma/generated/client.ts';
import { batched } from '../batched.ts';
import type { Database } from '../infra/database/database.ts';
import type { PubSub, Unsubscribe } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';

/** For how long a user is believed to be as he was, unless a signal says otherwise. */
const cacheMs = 60_000;

/**
 * Users as authors of what is delivered: every entry names one, and the same ones write again and again. What has changed is
 * told by a signal, behind which nothing is kept for longer than a minute.
 */
export function createUserCache(options: { database: Pick<Database, 'prisma'>; pubsub: PubSub; logger: Logger }) {
  const { database, pubsub, logger } = options;
  const cache = new LRUCache<string, User>({ max: 20_000, ttl: cacheMs });
  /** Raised whenever something cached may be wrong: what was being read meanwhile may be wrong too, and is not cached. */
  let changes = 0;
  let unsubscribe: Unsubscribe | undefined;
  let unhook: (() => void) | undefined;

  const read = batched(async (ids: readonly string[]): Promise<(User | null)[]> => {
    const before = changes;
    const users = await database.prisma.user.findMany({ where: { id: { in: [...ids] } } });
    if (before === changes) for (const user of users) cache.set(user.id, user);
    const found = new Map(users.map((user) => [user.id, user]));
    return ids.map((id) => found.get(id) ?? null);
  });

  function forget(userId: string): void {
    changes++;
    cache.delete(userId);
  }

  return {
    /** The users of these ids, in no order. When somebody was last seen is not kept up to date. */
    async of(ids: readonly string[]): Promise<User[]> {
      const users = await Promise.all(ids.map((id) => cache.get(id) ?? read(id)));
      return users.filter((user) => user !== null);
    },
    /** Tells every node that a user has changed. */
    async tell(userId: string): Promise<void> {
      forget(userId);
      await pubsub.publish('users', userId).catch((error: unknown) => {
        logger.warn({ error }, 'a change of a user was not signalled; it shows within a minute');
      });
    },
    async start(): Promise<void> {
      unsubscribe = await pubsub.subscribe('users', forget);
      unhook = pubsub.onReconnected(() => {
        changes++;
        cache.clear();
      });
    },
    async stop(): Promise<void> {
      unhook?.();
      await unsubscribe?.();
    },
  };
}

export type UserCache = ReturnType<typeof createUserCache>;
