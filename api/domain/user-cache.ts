import type { User } from '../../prisma/generated/client.ts';
import type { Database } from '../infra/database/database.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { publishSignal } from '../live/publish-signal.ts';
import { createSignalledCache } from '../live/signalled-cache.ts';
import type { Logger } from '../logger.ts';
import { createProfileSignals } from './profile-signals.ts';

/** Maximum number of cached users. */
const maxUsers = 20_000;
/** Milliseconds for which a user is cached if no signal says that the user changed. */
const cacheMs = 60_000;

/** Caches the users who are authors of delivered messages: each message names one, and the same users write repeatedly. */
export function createUserCache(options: {
  database: Pick<Database, 'prisma' | 'read'>;
  pubsub: PubSub;
  logger: Logger;
}) {
  const { database, pubsub, logger } = options;
  const profileSignals = createProfileSignals(options);
  const listeners: ((userId: string) => void)[] = [];
  const users = createSignalledCache({
    pubsub,
    topic: 'users',
    keysOf: (userId) => [userId],
    onSignal: notify,
    read: readUsers,
    maxSize: maxUsers,
    ttlMs: cacheMs,
    logger,
  });

  return {
    /** Returns the users with these ids; ids of no user are left out. Their `lastSeenAt` may be outdated, and their data are left out. */
    async getMany(ids: readonly string[]): Promise<User[]> {
      const found = await Promise.all(ids.map(users.get));
      return found.filter((user) => user !== null);
    },
    /** Returns a user if it is cached, else null: then `getMany` reads it. */
    peek(id: string): User | null {
      return users.peek(id);
    },
    /** Returns whether a user is a guest: a user without a password. An id of no user counts as a guest. */
    async isGuest(userId: string): Promise<boolean> {
      return ((await users.get(userId))?.passwordHash ?? null) === null;
    },
    /** Calls a listener with each user who changes, here or on another node. A lost signal calls nobody. */
    onChange(listener: (userId: string) => void): void {
      listeners.push(listener);
    },
    /** Tells every node that a user has changed. Never rejects; a lost signal delays the change by up to a minute. */
    async publishChange(userId: string): Promise<void> {
      users.invalidate(userId);
      notify(userId);
      await publishSignal({ pubsub, logger }, 'users', userId);
      void profileSignals.publish(userId);
    },
    /** Resolves once changes are received. */
    start: users.start,
    stop: users.stop,
  };

  function notify(userId: string): void {
    for (const listener of listeners) listener(userId);
  }

  async function readUsers(ids: readonly string[]): Promise<(User | null)[]> {
    const rows = await database.prisma.user.findMany({ where: { id: { in: [...ids] } }, omit: { data: true } });
    const found = new Map(rows.map((user) => [user.id, { ...user, data: null }]));
    return ids.map((id) => found.get(id) ?? null);
  }
}

/** The user cache of a node, made by `createUserCache`. */
export type UserCache = ReturnType<typeof createUserCache>;
