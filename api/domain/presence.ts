import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Presence as PresencePort } from '../infra/state/state.ts';
import { publishSignal } from '../live/publish-signal.ts';
import type { Logger } from '../logger.ts';

/** Milliseconds for which a user stays online without a connection, so that reloading a page is no absence. */
const graceMs = 2_000;

/** Milliseconds for which changes are collected before they are announced to all nodes. */
const announceMs = 100;
/** Maximum number of users that one signal names. */
const idsOfSignal = 1_000;

/**
 * Keeps the users who are connected to this node online, by leases in the state port. One batch renews them, three times
 * within the duration of a lease.
 * @param options.leaseMs milliseconds for which users stay online after this node was killed
 */
export function createPresence(options: {
  presence: PresencePort;
  database: Pick<Database, 'query'>;
  pubsub: Pick<PubSub, 'publish'>;
  nodeId: string;
  leaseMs: number;
  logger: Logger;
}) {
  const { presence, database, nodeId, leaseMs, logger } = options;
  /** Number of connections to this node, by user. */
  const connections = new Map<string, number>();
  /** Timers of the users in their grace period. */
  const leaving = new Map<string, NodeJS.Timeout>();
  /** Users whose presence has changed and was not announced yet. */
  const changed = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let announcement: NodeJS.Timeout | undefined;
  /** Requests to the state that are under way. */
  const running = new Set<Promise<void>>();

  return {
    /** Counts a connection of a user. Returns a function that must be called once, when the connection has ended. */
    connected(userId: string): () => void {
      const before = connections.get(userId) ?? 0;
      connections.set(userId, before + 1);
      clearTimeout(leaving.get(userId));
      if (!leaving.delete(userId) && before === 0) run(renew([userId]));
      return () => disconnected(userId);
    },

    /** Returns the given users that are connected to any node; an empty set while the state is unavailable. */
    async online(userIds: readonly string[]): Promise<Set<string>> {
      return presence.online(userIds).catch((error: unknown) => {
        logger.warn({ error }, 'presence is not known: the state is unavailable');
        return new Set<string>();
      });
    },

    start(): void {
      timer = setInterval(() => run(renew([...connections.keys()])), leaseMs / 3);
    },
    /** Ends the leases of the users who are still connected to this node. */
    async stop(): Promise<void> {
      clearInterval(timer);
      for (const pending of leaving.values()) clearTimeout(pending);
      const userIds = new Set([...connections.keys(), ...leaving.keys()]);
      connections.clear();
      // A renewal that is under way would come after the end.
      await Promise.all(running);
      await endAll([...userIds]);
      await publishChanges();
    },
  };

  function run(request: Promise<void>): void {
    const ended = request.finally(() => running.delete(ended));
    running.add(ended);
  }

  function disconnected(userId: string): void {
    const left = (connections.get(userId) ?? 1) - 1;
    if (left > 0) {
      connections.set(userId, left);
      return;
    }
    connections.delete(userId);
    const grace = setTimeout(() => run(endAfterGrace(userId)), graceMs);
    leaving.set(userId, grace);
  }

  async function endAfterGrace(userId: string): Promise<void> {
    leaving.delete(userId);
    if (!connections.has(userId)) await endAll([userId]);
  }

  async function renew(userIds: readonly string[]): Promise<void> {
    try {
      const { online, offline } = await presence.renew(nodeId, userIds, leaseMs);
      announce([...online, ...offline]);
      await markLastSeen(offline);
    } catch (error) {
      logger.warn({ error }, 'presence was not renewed; the next round tries again');
    }
  }

  async function endAll(userIds: readonly string[]): Promise<void> {
    try {
      const ended = await Promise.all(userIds.map((userId) => presence.end(nodeId, userId)));
      const offline = userIds.filter((_, index) => ended[index]);
      announce(offline);
      await markLastSeen(offline);
    } catch (error) {
      logger.warn({ error }, 'presence was not ended; the leases expire by themselves');
    }
  }

  /** Tells every node whose presence changed, together with other changes of this moment. */
  function announce(userIds: readonly string[]): void {
    for (const userId of userIds) changed.add(userId);
    if (changed.size > 0) announcement ??= setTimeout(() => void publishChanges(), announceMs);
  }

  async function publishChanges(): Promise<void> {
    clearTimeout(announcement);
    announcement = undefined;
    const userIds = [...changed];
    changed.clear();
    for (let from = 0; from < userIds.length; from += idsOfSignal) {
      await publishSignal(options, 'presence', userIds.slice(from, from + idsOfSignal));
    }
  }

  async function markLastSeen(userIds: readonly string[]): Promise<void> {
    if (userIds.length === 0) return;
    await database.query(updateLastSeen, { userIds });
  }
}

/** The presence of this node's users, made by `createPresence`. */
export type PresenceDomain = ReturnType<typeof createPresence>;

const updateLastSeen = statement({
  sql: 'UPDATE users SET last_seen_at = now() WHERE id = ANY($userIds)',
  parameters: { userIds: arrayOf(uuid) },
});
