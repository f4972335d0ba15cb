import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Session, User } from '../../prisma/generated/client.ts';
import { NotFoundError, UnauthenticatedError } from '../errors.ts';
import type { Database, Query } from '../infra/database/database.ts';
import type { Auth, Viewer } from './auth.ts';
import {
  insertSession,
  insertToken,
  lockSession,
  selectToken,
  updateLastUsed,
  updateNewestUsed,
  updateRevoked,
  updateUsed,
} from './session-statements.ts';

/** What a sign-in or a refresh gives. */
export interface SignedIn {
  token: string;
  refreshToken: string;
  expiresAt: Date;
  userId: string;
}

/** For how long a refresh that went wrong may be repeated with the old token, in milliseconds. */
const graceMs = 10_000;

/** Sign-ins and their refresh tokens, which rotate and are stored hashed. */
export function createSessions({
  database,
  auth,
  now = Date.now,
}: {
  database: Database;
  auth: Auth;
  now?: () => number;
}) {
  async function grant(userId: string, sessionId: string, refreshToken: string): Promise<SignedIn> {
    return { ...(await auth.sign(userId, sessionId)), refreshToken, userId };
  }

  async function addToken(query: Query, sessionId: string, parent: Uint8Array | null): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    await query(insertToken, { hash: digest(token), sessionId, parent, at: new Date(now()) });
    return token;
  }

  /** Ends one session of a user, or all but one; answers those that it ended, for `auth.tellRevoked` after the commit. */
  async function revoke(query: Query, where: { id?: string; userId: string; not?: string }): Promise<string[]> {
    const { userId, id: only = null, not: except = null } = where;
    const ended = await query(updateRevoked, { userId, only, except, at: new Date(now()) });
    return ended.map(({ id }) => id);
  }

  /** A refresh token in the place of the newest, of which it is the successor. */
  async function replaceToken(query: Query, sessionId: string): Promise<string> {
    const at = new Date(now());
    await query(updateLastUsed, { sessionId, at });
    const [newest] = await query(updateNewestUsed, { sessionId, at });
    return addToken(query, sessionId, newest?.hash ?? null);
  }

  /**
   * What becomes of a refresh token that is presented: its first use gives a successor; another within the grace gives
   * another, as long as none of its successors was used. Of several successors only one may go on: any other use means
   * that somebody else has a token too, and ends the session (RFC 9700, section 4.14.2).
   */
  async function rotate(
    query: Query,
    hash: Buffer,
  ): Promise<{ sessionId: string; userId: string; token: string | null }> {
    const [held] = await query(lockSession, { hash });
    if (held === undefined) throw new UnauthenticatedError('The refresh token is not valid: sign in again.');
    // A second statement: it sees what others did while this one waited for the lock.
    const [row] = await query(selectToken, { hash });
    const usedAt = row?.usedAt ?? null;
    if (row?.superseded || (usedAt !== null && now() - usedAt.getTime() > graceMs)) {
      await revoke(query, { id: held.sessionId, userId: held.userId });
      return { ...held, token: null };
    }
    const at = new Date(now());
    await query(updateUsed, { hash, at });
    await query(updateLastUsed, { sessionId: held.sessionId, at });
    return { ...held, token: await addToken(query, held.sessionId, hash) };
  }

  return {
    /**
     * A new session of a user, whose password hash was found to be the right one.
     * @throws UnauthenticatedError when the password was changed meanwhile, which is to end every other session
     */
    async begin({ id: userId, passwordHash }: Pick<User, 'id' | 'passwordHash'>, device: string): Promise<SignedIn> {
      const sessionId = randomUUID();
      const token = await database.transaction(async (query) => {
        const at = new Date(now());
        const begun = await query(insertSession, { id: sessionId, userId, device, at, passwordHash });
        if (begun.length === 0) throw new UnauthenticatedError('The password was just changed: sign in again.');
        return addToken(query, sessionId, null);
      });
      return grant(userId, sessionId, token);
    },

    /** New tokens for the viewer's present session. */
    async renew({ userId, sessionId }: Viewer): Promise<SignedIn> {
      const token = await database.transaction((query) => replaceToken(query, sessionId));
      auth.forget(sessionId);
      return grant(userId, sessionId, token);
    },

    /** New tokens for the viewer's present session and the end of all others, in one transaction with `work`. */
    async renewAlone({ userId, sessionId }: Viewer, work: (query: Query) => Promise<void>): Promise<SignedIn> {
      const { token, ended } = await database.transaction(async (query) => {
        await work(query);
        const others = await revoke(query, { userId, not: sessionId });
        return { token: await replaceToken(query, sessionId), ended: others };
      });
      auth.forget(sessionId);
      await auth.tellRevoked(ended);
      return grant(userId, sessionId, token);
    },

    /**
     * Rotates a refresh token.
     * @throws UnauthenticatedError when it is unknown, or used wrongly (see `rotate`): then its session is ended
     */
    async refresh(refreshToken: string): Promise<SignedIn> {
      const hash = digest(refreshToken);
      const { sessionId, userId, token } = await database.transaction(async (query) => rotate(query, hash));
      auth.forget(sessionId);
      if (token !== null) return grant(userId, sessionId, token);
      await auth.tellRevoked([sessionId]);
      throw new UnauthenticatedError('The refresh token was used before, so its session was ended: sign in again.');
    },

    /** The viewer's sign-ins that were not ended, the newest first. */
    list: (viewer: Viewer): Promise<Session[]> =>
      database.prisma.session.findMany({
        where: { userId: viewer.userId, revokedAt: null },
        orderBy: { createdAt: 'desc' },
        take: 100,
      }),

    /** One of the viewer's own sign-ins; null when it is not. */
    find: (viewer: Viewer, id: string): Promise<Session | null> =>
      database.prisma.session.findFirst({ where: { id, userId: viewer.userId } }),

    /** Ends one of the viewer's own sign-ins, and its live connections. */
    async end(viewer: Viewer, id: string): Promise<Session> {
      const ended = await revoke(database.query, { id, userId: viewer.userId });
      const session = await database.prisma.session.findFirst({ where: { id, userId: viewer.userId } });
      if (session === null) throw new NotFoundError('There is no such session of yours.');
      // Last: the answer is on its way before the signal closes the socket that may have asked.
      await auth.tellRevoked(ended);
      return session;
    },
  };
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
