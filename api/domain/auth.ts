import type { Session, User } from '../../prisma/generated/client.ts';
import { UnauthenticatedError } from '../errors.ts';
import type { UserFacts } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { publishSignal } from '../live/publish-signal.ts';
import { createSignalledCache } from '../live/signalled-cache.ts';

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

/** Maximum number of cached sessions. */
const maxSessions = 50_000;
/** Milliseconds for which a session is cached if no signal says that it changed. */
const cacheMs = 5_000;
/** Milliseconds between two checks for watched sessions that were revoked without a signal. */
const checkMs = 15_000;
/** Maximum number of sessions that one statement checks. */
const checkedAtOnce = 1_000;

/**
 * Authenticates tokens against their sessions. The database has the truth about sessions; a revocation is published as a
 * signal, and watched sessions are checked periodically in case it is lost.
 * @param options.secrets secrets of the token signatures, each at least 32 characters: the first signs, all verify
 * @param options.ttlSeconds lifetime of a token
 */
export function createAuth(options: {
  database: Pick<Database, 'prisma' | 'query'>;
  pubsub: PubSub;
  secrets: SigningSecrets;
  ttlSeconds: number;
  logger: Logger;
}) {
  const { database, pubsub, ttlSeconds, logger } = options;
  const tokens = createAccessTokens(options);
  const watchers = new Map<string, Set<() => void>>();
  const sessions = createSignalledCache({
    pubsub,
    topic: 'sessions',
    keysOf: (sessionIds) => sessionIds,
    onSignal: notifyWatchers,
    read: readSessions,
    maxSize: maxSessions,
    ttlMs: cacheMs,
    checks: { subject: 'sessions', check: checkWatched, checkMs },
    logger,
  });

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
    watch(sessionId: string, listener: () => void): () => void {
      const listeners = watchers.get(sessionId) ?? new Set();
      watchers.set(sessionId, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && watchers.get(sessionId) === listeners) watchers.delete(sessionId);
      };
    },

    /** Tells every node that these sessions were revoked. Never rejects. */
    async publishRevocation(sessionIds: readonly string[]): Promise<void> {
      if (sessionIds.length === 0) return;
      for (const sessionId of sessionIds) sessions.invalidate(sessionId);
      await publishSignal({ pubsub, logger }, 'sessions', sessionIds);
    },

    /** Removes a session from this node's cache, after it or its user changed. */
    forget: sessions.invalidate,

    /** Resolves once revocations are received. */
    start: sessions.start,
    stop: sessions.stop,
  };

  async function readSessions(sessionIds: readonly string[]): Promise<(SessionFacts | null)[]> {
    const where = { id: { in: [...sessionIds] } };
    const rows = await database.prisma.session.findMany({ where, include: { user: true } });
    const found = new Map(rows.map((row) => [row.id, toFacts(row)]));
    for (const [sessionId, { revoked }] of found) if (revoked) notifyWatchers(sessionId);
    return sessionIds.map((sessionId) => found.get(sessionId) ?? null);
  }

  function toFacts({ user, revokedAt, lastUsedAt }: Session & { user: User }): SessionFacts {
    return {
      user: toUserFacts(user),
      revoked: revokedAt !== null,
      expiresAt: lastUsedAt.getTime() + ttlSeconds * 1_000,
    };
  }

  function notifyWatchers(sessionId: string): void {
    const listeners = watchers.get(sessionId);
    watchers.delete(sessionId);
    for (const listener of listeners ?? []) listener();
  }

  async function checkWatched(): Promise<void> {
    const watched = [...watchers.keys()];
    for (let from = 0; from < watched.length; from += checkedAtOnce) {
      const sessionIds = watched.slice(from, from + checkedAtOnce);
      for (const { id } of await database.query(selectEnded, { sessionIds })) {
        sessions.invalidate(id);
        notifyWatchers(id);
      }
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
