import type { Session, User } from '../../prisma/generated/client.ts';
import { batched } from '../batched.ts';
import { UnauthenticatedError } from '../errors.ts';
import { type UserFacts, userTopic } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { createInvalidatedCache } from '../live/invalidated-cache.ts';
import { publishSignal } from '../live/publish-signal.ts';
import type { UserListener, UserSignals } from '../live/user-signals.ts';
import type { Logger } from '../logger.ts';
import { createAccessTokens } from './access-tokens.ts';
import type { Origin } from './origin.ts';
import type { SigningSecrets } from './signing-keys.ts';
import { toUserFacts } from './user-facts.ts';

/** The authenticated user of an operation. */
export interface Viewer {
  userId: string;
  sessionId: string;
  name: string;
  /** Time of registration, ISO 8601. Together with id and name it is the author of the viewer's events. */
  createdAt: string;
  /** End of the token, in milliseconds since 1970. */
  expiresAt: number;
  /** The client that the viewer's operation comes from; absent for live results. */
  origin?: Origin;
  /** Time by `performance.now()` at which the viewer's mutation fails if it has not ended; absent for other operations. */
  deadline?: number;
}

interface SessionFacts {
  user: UserFacts;
  revoked: boolean;
  /** End of the session's newest token, in milliseconds since 1970. */
  expiresAt: number;
}

/** A session that somebody watches on this node. */
interface Watched {
  userId: string;
  listeners: Set<() => void>;
}

/** Maximum number of cached sessions. */
const maxSessions = 50_000;
/** Milliseconds for which a session is cached: a revocation on another gateway, whose user is not connected here, shows by then. */
const cacheMs = 5_000;
/** Maximum number of sessions that one statement checks. */
const checkedAtOnce = 1_000;

/**
 * Authenticates tokens against their sessions. The database has the truth about sessions; a revocation is published as a
 * signal of the user, whom a gateway follows while it watches one of their sessions.
 * @param options.secrets secrets of the token signatures, each at least 32 characters: the first signs, all verify
 * @param options.ttlSeconds lifetime of a token
 */
export function createAuth(options: {
  database: Pick<Database, 'prisma' | 'query'>;
  pubsub: Pick<PubSub, 'publish' | 'onReconnected'>;
  userSignals: Pick<UserSignals, 'follow' | 'unfollow'>;
  secrets: SigningSecrets;
  ttlSeconds: number;
  logger: Logger;
}) {
  const { database, pubsub, userSignals, ttlSeconds, logger } = options;
  const tokens = createAccessTokens(options);
  const watchers = new Map<string, Watched>();
  /** Watched sessions by user. */
  const watched = new Map<string, Set<string>>();
  const sessions = createInvalidatedCache({ read: readSessions, maxSize: maxSessions, ttlMs: cacheMs });
  let removeListener: (() => void) | undefined;
  const lookUp = batched(async (userIds: readonly string[]) => {
    await verify(userIds);
    return userIds.map(() => null);
  });
  const listener: UserListener = {
    onSignal(_userId, signal) {
      if (signal.type === 'sessions') signal.sessionIds.forEach(end);
    },
    verify,
  };

  return {
    /** Returns a token for a user's session, valid from now on. */
    sign: tokens.sign,

    /**
     * Returns the user that a token authenticates.
     * @throws UnauthenticatedError if it is forged or expired, or its session was revoked
     */
    async authenticate(token: string): Promise<Viewer> {
      const { sub, sid, exp } = await tokens.verify(token);
      const facts = await sessions.get(sid);
      if (facts === null || facts.revoked || facts.user.id !== sub) throw ended();
      return toViewer(sid, facts, exp * 1_000);
    },

    /**
     * Returns the user of a session that something else than a token proves.
     * @throws UnauthenticatedError if the session was revoked, or its newest token has expired
     */
    async viewerOfSession(sessionId: string): Promise<Viewer> {
      const facts = await sessions.get(sessionId);
      if (facts === null || facts.revoked || facts.expiresAt <= Date.now()) throw ended();
      return toViewer(sessionId, facts, facts.expiresAt);
    },

    /**
     * Reads the end of a session's newest token from the database.
     * @returns milliseconds since 1970; 0 if the session was revoked or does not exist
     */
    async expiryOf(sessionId: string): Promise<number> {
      const facts = await sessions.read(sessionId);
      return facts === null || facts.revoked ? 0 : facts.expiresAt;
    },

    /** Calls the listener once, when the session is revoked on any node. Returns a function that removes it. */
    watch({ userId, sessionId }: Pick<Viewer, 'userId' | 'sessionId'>, onRevoked: () => void): () => void {
      const session = watchers.get(sessionId) ?? addWatched(userId, sessionId);
      session.listeners.add(onRevoked);
      return () => {
        session.listeners.delete(onRevoked);
        if (session.listeners.size === 0 && watchers.get(sessionId) === session) removeWatched(session, sessionId);
      };
    },

    /** Tells every node that these sessions of a user were revoked. Never rejects. */
    async publishRevocation(userId: string, sessionIds: readonly string[]): Promise<void> {
      if (sessionIds.length === 0) return;
      for (const sessionId of sessionIds) sessions.invalidate(sessionId);
      await publishSignal({ pubsub, logger }, userTopic(userId), { type: 'sessions', sessionIds });
    },

    /** Removes a session from this node's cache, after it or its user changed. */
    forget: sessions.invalidate,

    /** Reads sessions again after a reconnect: revocations may have been missed. */
    start(): void {
      removeListener = pubsub.onReconnected(sessions.clear);
    },
    stop: (): void => removeListener?.(),
  };

  function addWatched(userId: string, sessionId: string): Watched {
    const session: Watched = { userId, listeners: new Set() };
    watchers.set(sessionId, session);
    const ofUser = watched.get(userId);
    if (ofUser) ofUser.add(sessionId);
    else watched.set(userId, new Set([sessionId]));
    if (!ofUser) void followUser(userId);
    return session;
  }

  function removeWatched({ userId }: Watched, sessionId: string): void {
    watchers.delete(sessionId);
    const ofUser = watched.get(userId);
    ofUser?.delete(sessionId);
    if (ofUser?.size !== 0) return;
    watched.delete(userId);
    userSignals.unfollow(userId, listener);
  }

  /** Looks the sessions up once signals arrive: one may have been revoked before. */
  async function followUser(userId: string): Promise<void> {
    try {
      await userSignals.follow(userId, listener);
      await lookUp(userId);
    } catch (error) {
      logger.warn({ error }, 'sessions could not be looked up; the next verification tries again');
    }
  }

  async function readSessions(sessionIds: readonly string[]): Promise<(SessionFacts | null)[]> {
    const where = { id: { in: [...sessionIds] } };
    const rows = await database.prisma.session.findMany({ where, include: { user: true } });
    const found = new Map(rows.map((row) => [row.id, toFacts(row)]));
    for (const [sessionId, { revoked }] of found) if (revoked) notify(sessionId);
    return sessionIds.map((sessionId) => found.get(sessionId) ?? null);
  }

  function toFacts({ user, revokedAt, lastUsedAt }: Session & { user: User }): SessionFacts {
    return {
      user: toUserFacts(user),
      revoked: revokedAt !== null,
      expiresAt: lastUsedAt.getTime() + ttlSeconds * 1_000,
    };
  }

  function end(sessionId: string): void {
    sessions.invalidate(sessionId);
    notify(sessionId);
  }

  function notify(sessionId: string): void {
    const session = watchers.get(sessionId);
    if (session === undefined) return;
    removeWatched(session, sessionId);
    for (const onRevoked of session.listeners) onRevoked();
  }

  async function verify(userIds: readonly string[]): Promise<void> {
    const all = userIds.flatMap((userId) => [...(watched.get(userId) ?? [])]);
    for (let from = 0; from < all.length; from += checkedAtOnce) {
      const sessionIds = all.slice(from, from + checkedAtOnce);
      for (const { id } of await database.query(selectEnded, { sessionIds })) end(id);
    }
  }
}

/** Authentication, made by `createAuth`. */
export type Auth = ReturnType<typeof createAuth>;

const selectEnded = statement({
  sql: `
    SELECT w.id FROM unnest($sessionIds) AS w(id) LEFT JOIN session s ON s.id = w.id
    WHERE s.id IS NULL OR s.revoked_at IS NOT NULL`,
  parameters: { sessionIds: arrayOf(uuid) },
  row: { id: uuid },
});

function toViewer(sessionId: string, { user: { id, name, createdAt } }: SessionFacts, expiresAt: number): Viewer {
  return { userId: id, sessionId, name, createdAt, expiresAt };
}

function ended(): UnauthenticatedError {
  return new UnauthenticatedError('The session was ended: sign in again.');
}
