import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Presence as PresencePort } from '../infra/state/state.ts';
import { publishSignal } from '../live/publish-signal.ts';
import type { Logger } from '../logger.ts';

/** Milliseconds for which a user stays online without a connection, so that reloading a page is no absence. */
const graceMs = 2_000;

/** Milliseconds for which connections and their ends are gathered before the state learns of them. */
const gatherMs = 100;
/** Maximum milliseconds between two looks for leases of killed nodes that have ended. */
const expireMs = 1_000;
/** Maximum number of users of one request to the state, one statement and one signal. */
const portion = 500;

/**
 * Keeps the users who are connected to this node online, by leases in the state port. One batch renews them, three times
 * within the duration of a lease. Users who come and go within a moment share their requests, one of which runs at a time: however
 * many reconnect at once, each moment costs a few.
 * @param options.leaseMs milliseconds for which users stay online after this node was killed
 * @param options.onChange called with users who came online or went offline, after all nodes were told; must not reject
 */
export function createPresence(options: {
  presence: PresencePort;
  database: Pick<Database, 'query'>;
  pubsub: Pick<PubSub, 'publish'>;
  nodeId: string;
  leaseMs: number;
  onChange(userIds: readonly string[]): Promise<void>;
  logger: Logger;
}) {
  const { presence, database, nodeId, leaseMs, onChange, logger } = options;
  /** Number of connections to this node, by user. */
  const connections = new Map<string, number>();
  /** Users whose lease must begin. */
  const arrived = new Set<string>();
  /** End of the grace period of users whose last connection has ended, in order, by the monotonic clock. */
  const leaving = new Map<string, number>();
  const timers: NodeJS.Timeout[] = [];
  let isStateAway = false;
  let gathering: NodeJS.Timeout | undefined;
  /** Time of the next settlement, by the monotonic clock. */
  let settlesAt = Number.POSITIVE_INFINITY;
  /** The requests to the state that are under way or wait. */
  let running: Promise<void> = Promise.resolve();

  return {
    /** Counts a connection of a user. Returns a function that must be called once, when the connection has ended. */
    connected(userId: string): () => void {
      const before = connections.get(userId) ?? 0;
      connections.set(userId, before + 1);
      if (!leaving.delete(userId) && before === 0) {
        arrived.add(userId);
        settleAfter(gatherMs);
      }
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
      timers.push(setInterval(() => void enqueue(() => renew([...connections.keys()])), leaseMs / 3));
      timers.push(setInterval(expire, Math.min(expireMs, leaseMs / 3)));
    },
    /** Ends the leases of the users who are still connected to this node. */
    async stop(): Promise<void> {
      for (const timer of timers) clearInterval(timer);
      clearTimeout(gathering);
      // Connections that end later are not settled.
      settlesAt = Number.NEGATIVE_INFINITY;
      const userIds = new Set([...connections.keys(), ...leaving.keys()]);
      connections.clear();
      leaving.clear();
      // A renewal that is under way would come after the end.
      await enqueue(() => end([...userIds]));
    },
  };

  function disconnected(userId: string): void {
    const others = (connections.get(userId) ?? 1) - 1;
    if (others > 0) {
      connections.set(userId, others);
      return;
    }
    connections.delete(userId);
    leaving.set(userId, performance.now() + graceMs);
    settleAfter(graceMs);
  }

  /** Tells the state of everyone who has come and gone, in at most that time. */
  function settleAfter(ms: number): void {
    const dueAt = performance.now() + ms;
    if (dueAt >= settlesAt) return;
    settlesAt = dueAt;
    clearTimeout(gathering);
    gathering = setTimeout(() => void enqueue(settle), ms);
  }

  function enqueue(work: () => Promise<void>): Promise<void> {
    running = running.then(work);
    return running;
  }

  /** Tells of the users whose leases have ended, unless the state is away: the renewals find out when it is back. */
  function expire(): void {
    if (!isStateAway) void enqueue(() => renew([]));
  }

  async function settle(): Promise<void> {
    if (settlesAt < 0) return;
    settlesAt = Number.POSITIVE_INFINITY;
    const arrivals = [...arrived];
    arrived.clear();
    const departures = takeDepartures();
    const [next] = leaving.values();
    if (next !== undefined) settleAfter(Math.max(gatherMs, next - performance.now()));
    if (arrivals.length > 0) await renew(arrivals);
    await end(departures);
  }

  /** Takes the users whose grace period has ended. */
  function takeDepartures(): string[] {
    const userIds: string[] = [];
    for (const [userId, endsAt] of leaving) {
      if (endsAt > performance.now()) break;
      leaving.delete(userId);
      userIds.push(userId);
    }
    return userIds;
  }

  /** Renews leases; without users, it ends the expired leases of any node alone. */
  async function renew(userIds: readonly string[]): Promise<void> {
    try {
      for (let from = 0; from === 0 || from < userIds.length; from += portion) {
        const { online, offline } = await presence.renew(nodeId, userIds.slice(from, from + portion), leaseMs);
        await announce(online);
        await announceDepartures(offline);
      }
      isStateAway = false;
    } catch (error) {
      isStateAway = true;
      logger.warn({ error }, 'presence was not renewed; the next round tries again');
    }
  }

  async function end(userIds: readonly string[]): Promise<void> {
    try {
      for (let from = 0; from < userIds.length; from += portion) {
        const offline = await presence.end(nodeId, userIds.slice(from, from + portion));
        await announceDepartures(offline);
      }
    } catch (error) {
      logger.warn({ error }, 'presence was not ended; the leases expire by themselves');
    }
  }

  /** Users who are told read `lastSeenAt` at once. They are told even while it cannot be written. */
  async function announceDepartures(userIds: readonly string[]): Promise<void> {
    await markLastSeen(userIds).finally(() => announce(userIds));
  }

  /** Tells every node whose presence has changed. */
  async function announce(userIds: readonly string[]): Promise<void> {
    for (let from = 0; from < userIds.length; from += portion) {
      const some = userIds.slice(from, from + portion);
      await publishSignal(options, 'presence', some);
      await onChange(some);
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
