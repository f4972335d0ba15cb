import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';
import type { Presence as PresencePort } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';

/** How long a user without a connection still counts as online: a reload is no absence. */
const graceMs = 2_000;

/**
 * Who is online: leases that this node renews for those who are connected to it, in one batch every third of a lease.
 * @param options.leaseMs how long a user stays online after this node was killed, in milliseconds
 */
export function createPresence(options: {
  presence: PresencePort;
  database: Pick<Database, 'query'>;
  nodeId: string;
  leaseMs: number;
  logger: Logger;
}) {
  const { presence, database, nodeId, leaseMs, logger } = options;
  /** By user: how many connections there are here. */
  const connections = new Map<string, number>();
  const leaving = new Map<string, NodeJS.Timeout>();
  let timer: NodeJS.Timeout | undefined;

  async function renew(userIds: readonly string[]): Promise<void> {
    try {
      const { offline } = await presence.renew(nodeId, userIds, leaseMs);
      await markSeen(offline);
    } catch (error) {
      logger.warn({ error }, 'presence was not renewed; the next round tries again');
    }
  }

  async function end(userId: string): Promise<void> {
    leaving.delete(userId);
    if (!connections.has(userId)) await endAll([userId]);
  }

  async function endAll(userIds: readonly string[]): Promise<void> {
    try {
      const ended = await Promise.all(userIds.map((userId) => presence.end(nodeId, userId)));
      await markSeen(userIds.filter((_, n) => ended[n]));
    } catch (error) {
      logger.warn({ error }, 'presence was not ended; the leases run out by themselves');
    }
  }

  async function markSeen(userIds: readonly string[]): Promise<void> {
    if (userIds.length === 0) return;
    await database.query(updateLastSeen, { userIds });
  }

  function disconnected(userId: string): void {
    const left = (connections.get(userId) ?? 1) - 1;
    if (left > 0) connections.set(userId, left);
    else {
      connections.delete(userId);
      leaving.set(
        userId,
        setTimeout(() => void end(userId), graceMs),
      );
    }
  }

  return {
    /** A connection of a user began; the answer is to be called, once, when it has ended. */
    connected(userId: string): () => void {
      const before = connections.get(userId) ?? 0;
      connections.set(userId, before + 1);
      clearTimeout(leaving.get(userId));
      if (!leaving.delete(userId) && before === 0) void renew([userId]);
      return () => disconnected(userId);
    },

    /** Those of the users who have a live connection on any node; nobody while state is away. */
    async online(userIds: readonly string[]): Promise<Set<string>> {
      return presence.online(userIds).catch((error: unknown) => {
        logger.warn({ error }, 'presence is not known: state is away');
        return new Set<string>();
      });
    },

    start(): void {
      timer = setInterval(() => void renew([...connections.keys()]), leaseMs / 3);
    },
    /** Ends the leases of those who are still connected here. */
    async stop(): Promise<void> {
      clearInterval(timer);
      for (const pending of leaving.values()) clearTimeout(pending);
      const userIds = new Set([...connections.keys(), ...leaving.keys()]);
      connections.clear();
      await endAll([...userIds]);
    },
  };
}

export type PresenceDomain = ReturnType<typeof createPresence>;

const updateLastSeen = statement({
  sql: 'UPDATE users SET last_seen_at = now() WHERE id = ANY($userIds)',
  parameters: { userIds: arrayOf(uuid) },
});
