import { jwtVerify, SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { UnauthenticatedError } from '../errors.ts';
import type { UserFacts } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import type { PubSub, Unsubscribe } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';

/** The authenticated user of an operation. */
export interface Viewer {
  userId: string;
  sessionId: string;
  name: string;
  /** ISO 8601: when the user came to be. With id and name it is what events say of the user. */
  createdAt: string;
  /** When the token ends, in epoch milliseconds. */
  expiresAt: number;
}

interface SessionFacts {
  user: UserFacts;
  revoked: boolean;
  /** When the newest token of the session ends, in epoch milliseconds. */
  expiresAt: number;
}

/** What a token says: whose it is, of which session, and until when, in seconds since 1970. */
interface TokenClaims {
  sub: string;
  sid: string;
  exp: number;
}

const issuer = 'parley';
const algorithm = 'HS256';
/** For how long a session that was looked up is believed, unless a signal says otherwise. */
const cacheMs = 5_000;
/** How often sessions that are watched are looked up, behind the signals. */
const checkMs = 15_000;

/**
 * Tokens and the sessions behind them. The database is the truth of sessions; a revocation is told by a signal, behind
 * which those that are watched are looked up every 15 s.
 * @param options.secret what tokens are signed with, at least 32 characters
 * @param options.ttlSeconds how long a token lasts
 */
export function createAuth(options: {
  database: Pick<Database, 'prisma' | 'query'>;
  pubsub: PubSub;
  secret: string;
  ttlSeconds: number;
  logger: Logger;
}) {
  const { database, pubsub, ttlSeconds, logger } = options;
  const key = new TextEncoder().encode(options.secret);
  const cache = new LRUCache<string, SessionFacts>({ max: 50_000, ttl: cacheMs });
  /** Tokens whose signature was found good. */
  const verified = new LRUCache<string, TokenClaims>({ max: 20_000 });
  const watchers = new Map<string, Set<() => void>>();
  /** Raised whenever something cached may be wrong: what was being read meanwhile may be wrong too, and is not cached. */
  let changes = 0;
  let unsubscribe: Unsubscribe | undefined;
  let unhook: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function verify(token: string): Promise<TokenClaims> {
    const known = verified.get(token);
    if (known && known.exp * 1_000 > Date.now()) return known;
    const claims = await readToken(token);
    verified.set(token, claims);
    return claims;
  }

  async function readToken(token: string): Promise<TokenClaims> {
    try {
      const { payload } = await jwtVerify(token, key, { issuer, audience: issuer, algorithms: [algorithm] });
      const { sub, sid, exp } = payload;
      if (typeof sub === 'string' && typeof sid === 'string' && exp !== undefined) return { sub, sid, exp };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ERR_JWT_EXPIRED')
        throw new UnauthenticatedError(expired);
    }
    throw new UnauthenticatedError('The token is not valid: sign in again.');
  }

  async function session(sessionId: string): Promise<SessionFacts | null> {
    return cache.get(sessionId) ?? read(sessionId);
  }

  async function read(sessionId: string): Promise<SessionFacts | null> {
    const before = changes;
    const row = await database.prisma.session.findUnique({ where: { id: sessionId }, include: { user: true } });
    if (row === null) return null;
    const { user, revokedAt, lastUsedAt } = row;
    const facts = {
      user: { id: user.id, name: user.name, createdAt: user.createdAt.toISOString() },
      revoked: revokedAt !== null,
      expiresAt: lastUsedAt.getTime() + ttlSeconds * 1_000,
    };
    if (before === changes) cache.set(sessionId, facts);
    if (facts.revoked) end(sessionId);
    return facts;
  }

  function forget(sessionId: string): void {
    changes++;
    cache.delete(sessionId);
  }

  function end(sessionId: string): void {
    const listeners = watchers.get(sessionId);
    watchers.delete(sessionId);
    for (const listener of listeners ?? []) listener();
  }

  async function check(): Promise<void> {
    if (watchers.size === 0) return;
    try {
      const ended = await database.query<{ id: string }>(
        `SELECT w.id FROM unnest($1::uuid[]) AS w (id) LEFT JOIN session s ON s.id = w.id
         WHERE s.id IS NULL OR s.revoked_at IS NOT NULL`,
        [[...watchers.keys()]],
      );
      for (const { id } of ended) {
        forget(id);
        end(id);
      }
    } catch (error) {
      logger.warn({ error }, 'sessions could not be looked up; the next round tries again');
    }
  }

  return {
    /** A token for a user's session, lasting from now on. */
    async sign(userId: string, sessionId: string): Promise<{ token: string; expiresAt: Date }> {
      const expiresAt = Math.floor(Date.now() / 1_000) + ttlSeconds;
      const token = await new SignJWT({ sid: sessionId })
        .setProtectedHeader({ alg: algorithm })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(issuer)
        .setIssuedAt()
        .setExpirationTime(expiresAt)
        .sign(key);
      return { token, expiresAt: new Date(expiresAt * 1_000) };
    },

    /**
     * Whom a token stands for.
     * @throws UnauthenticatedError when it is forged, expired, or its session was revoked
     */
    async authenticate(token: string): Promise<Viewer> {
      const { sub, sid, exp } = await verify(token);
      const facts = await session(sid);
      if (facts === null || facts.revoked || facts.user.id !== sub) {
        throw new UnauthenticatedError('The session was ended: sign in again.');
      }
      const { id, name, createdAt } = facts.user;
      return { userId: id, sessionId: sid, name, createdAt, expiresAt: exp * 1_000 };
    },

    /** When the newest token of a session ends, in epoch milliseconds, asked of the database; 0 once it was revoked. */
    async expiryOf(sessionId: string): Promise<number> {
      const facts = await read(sessionId);
      return facts === null || facts.revoked ? 0 : facts.expiresAt;
    },

    /** Calls the listener, once, when the session is revoked on any node; until the answer is called. */
    watch(sessionId: string, listener: () => void): () => void {
      const listeners = watchers.get(sessionId) ?? new Set();
      watchers.set(sessionId, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && watchers.get(sessionId) === listeners) watchers.delete(sessionId);
      };
    },

    /** Tells every node that these sessions were revoked. */
    async tellRevoked(sessionIds: readonly string[]): Promise<void> {
      if (sessionIds.length === 0) return;
      for (const sessionId of sessionIds) forget(sessionId);
      await pubsub.publish('sessions', sessionIds).catch((error: unknown) => {
        logger.warn({ error }, 'a revocation was not signalled; nodes will find it when they look sessions up');
      });
    },

    /** Forgets what is known of a session, after its user changed. */
    forget,

    async start(): Promise<void> {
      unsubscribe = await pubsub.subscribe('sessions', (sessionIds) => {
        for (const sessionId of sessionIds) {
          forget(sessionId);
          end(sessionId);
        }
      });
      unhook = pubsub.onReconnected(() => {
        changes++;
        cache.clear();
        void check();
      });
      timer = setInterval(check, checkMs);
    },
    async stop(): Promise<void> {
      clearInterval(timer);
      unhook?.();
      await unsubscribe?.();
    },
  };
}

export type Auth = ReturnType<typeof createAuth>;

const expired = 'The token has expired: refresh it, or sign in again.';
