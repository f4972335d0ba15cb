import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { Session } from '../../prisma/generated/client.ts';
import { NotFoundError, UnauthenticatedError } from '../errors.ts';
import type { Database, Query } from '../infra/database/database.ts';
import type { Auth, Viewer } from './auth.ts';

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

  async function addToken(query: Query, sessionId: string, parent: Buffer | null): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    await query('INSERT INTO refresh_token (hash, session_id, parent, created_at) VALUES ($1, $2, $3, $4)', [
      digest(token),
      sessionId,
      parent,
      new Date(now()),
    ]);
    return token;
  }

  /** Ends sessions of a user, all but one, and tells every node. */
  async function revoke(where: { id?: string; userId: string; not?: string }): Promise<string[]> {
    const ended = await database.query<{ id: string }>(
      `UPDATE session SET revoked_at = $4 WHERE user_id = $1 AND revoked_at IS NULL
         AND ($2::uuid IS NULL OR id = $2) AND ($3::uuid IS NULL OR id <> $3) RETURNING id`,
      [where.userId, where.id ?? null, where.not ?? null, new Date(now())],
    );
    const ids = ended.map(({ id }) => id);
    await auth.tellRevoked(ids);
    return ids;
  }

  /**
   * What becomes of a refresh token that is presented: its first use gives a successor; another within the grace gives
   * another, as long as none of its successors was used; any other use means that somebody else has it, and ends the
   * session (RFC 9700, section 4.14.2).
   */
  async function rotate(
    query: Query,
    hash: Buffer,
  ): Promise<{ sessionId: string; userId: string; token: string | null }> {
    const [held] = await query<{ sessionId: string; userId: string }>(
      `SELECT s.id AS "sessionId", s.user_id AS "userId" FROM session s
       WHERE s.id = (SELECT session_id FROM refresh_token WHERE hash = $1) AND s.revoked_at IS NULL FOR UPDATE`,
      [hash],
    );
    if (held === undefined) throw new UnauthenticatedError('The refresh token is not valid: sign in again.');
    // A second statement: it sees what others did while this one waited for the lock.
    const [row] = await query<{ usedAt: Date | null; successorUsed: boolean }>(
      `SELECT t.used_at AS "usedAt",
         EXISTS (SELECT FROM refresh_token n WHERE n.parent = t.hash AND n.used_at IS NOT NULL) AS "successorUsed"
       FROM refresh_token t WHERE t.hash = $1`,
      [hash],
    );
    const { sessionId, userId } = held;
    const usedAt = row?.usedAt ?? null;
    const isRetry = usedAt !== null && now() - usedAt.getTime() <= graceMs && !row?.successorUsed;
    if (usedAt !== null && !isRetry) return { ...held, token: null };
    await query('UPDATE refresh_token SET used_at = coalesce(used_at, $2) WHERE hash = $1', [hash, new Date(now())]);
    await query('UPDATE session SET last_used_at = $2 WHERE id = $1', [sessionId, new Date(now())]);
    return { sessionId, userId, token: await addToken(query, sessionId, hash) };
  }

  return {
    /** A new session of a user. */
    async begin(userId: string, device: string): Promise<SignedIn> {
      const sessionId = randomUUID();
      const at = new Date(now());
      const token = await database.transaction(async (query) => {
        await query('INSERT INTO session (id, user_id, device, created_at, last_used_at) VALUES ($1, $2, $3, $4, $4)', [
          sessionId,
          userId,
          device,
          at,
        ]);
        return addToken(query, sessionId, null);
      });
      return grant(userId, sessionId, token);
    },

    /** New tokens for the viewer's present session. */
    async renew({ userId, sessionId }: Viewer): Promise<SignedIn> {
      const token = await database.transaction(async (query) => {
        await query('UPDATE session SET last_used_at = $2 WHERE id = $1', [sessionId, new Date(now())]);
        await query('UPDATE refresh_token SET used_at = $2 WHERE session_id = $1 AND used_at IS NULL', [
          sessionId,
          new Date(now()),
        ]);
        return addToken(query, sessionId, null);
      });
      auth.forget(sessionId);
      return grant(userId, sessionId, token);
    },

    /**
     * Rotates a refresh token.
     * @throws UnauthenticatedError when it is unknown, or was used before: then its session is ended
     */
    async refresh(refreshToken: string): Promise<SignedIn> {
      const hash = digest(refreshToken);
      const { sessionId, userId, token } = await database.transaction(async (query) => rotate(query, hash));
      auth.forget(sessionId);
      if (token !== null) return grant(userId, sessionId, token);
      await revoke({ id: sessionId, userId });
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
      await revoke({ id, userId: viewer.userId });
      const session = await database.prisma.session.findFirst({ where: { id, userId: viewer.userId } });
      if (session === null) throw new NotFoundError('There is no such session of yours.');
      return session;
    },

    /** Ends all of the viewer's sign-ins but the present one. */
    endOthers: (viewer: Viewer): Promise<string[]> => revoke({ userId: viewer.userId, not: viewer.sessionId }),
  };
}

export type Sessions = ReturnType<typeof createSessions>;

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
