import { randomUUID } from 'node:crypto';
import type { Session, User } from '../../prisma/generated/client.ts';
import { BadUserInputError, ForbiddenError, NotFoundError, UnauthenticatedError } from '../errors.ts';
import type { Database, Query } from '../infra/database/database.ts';
import type { Auth, Viewer } from './auth.ts';
import { placeOf } from './login-limits.ts';
import type { Origin } from './origin.ts';
import { createRefreshTokens, type Rotation } from './refresh-tokens.ts';
import type { EndReason, SecurityLog } from './security-log.ts';
import { insertSession, selectSuspension, updateRevoked, updateSurplusRevoked } from './session-statements.ts';
import { refuseSuspended } from './suspension-rules.ts';

/** Tokens of a session, as a sign-in or a refresh returns them. */
export interface SignedIn {
  token: string;
  refreshToken: string;
  /** Time at which `token` expires. */
  expiresAt: Date;
  userId: string;
}

/** Bounds of sessions. */
export interface SessionBounds {
  /** Milliseconds without use after which a session expires. */
  ttlMs: number;
  /** Maximum number of sessions of one user. A sign-in above it ends the session that was not used for the longest time. */
  perUser: number;
}

/** Maximum number of sessions in one page of a user's list. */
export const maxListed = 100;

/** Milliseconds after a sign-in in which its access token alone proves that the client signed in. */
const recentMs = 300_000;

/** Creates the sessions of users. @param options.now epoch milliseconds */
export function createSessions({
  database,
  auth,
  bounds,
  securityLog,
  now = Date.now,
}: {
  database: Database;
  auth: Auth;
  bounds: SessionBounds;
  securityLog: SecurityLog;
  now?: () => number;
}) {
  const { ttlMs } = bounds;
  const refreshTokens = createRefreshTokens({ now, ttlMs });

  return {
    /**
     * Begins a session of a user whose password was found to match the hash. Simultaneous sign-ins may exceed the maximum
     * number of sessions; the next one ends the surplus.
     * @param origin client that signs in; its network is remembered
     * @throws SuspendedError for a suspended user; UnauthenticatedError when the password was changed meanwhile, which ends every
     * other session
     */
    async begin(
      { id: userId, passwordHash }: Pick<User, 'id' | 'passwordHash'>,
      device: string,
      origin?: Origin,
    ): Promise<SignedIn> {
      const { sessionId, token, ended } = await database.transaction(async (query) => {
        const begun = await insert(query, { userId, passwordHash, device, origin });
        const surplus = { userId, kept: begun.sessionId, others: bounds.perUser - 1, at: new Date(now()) };
        return { ...begun, ended: (await query(updateSurplusRevoked, surplus)).map(({ id }) => id) };
      });
      securityLog.write('authn_login_success', { userId, sessionId, isGuest: passwordHash === null }, origin);
      await announceEnd(ended, { userId, reason: 'too many sessions' }, origin);
      return grant(userId, sessionId, token);
    },

    /**
     * Begins a session of a user and ends all others, in one transaction with `work`.
     * @param work sets a new password, and returns the user with its hash
     */
    async beginAlone(
      device: string,
      origin: Origin,
      work: (query: Query) => Promise<Pick<User, 'id' | 'passwordHash'>>,
    ): Promise<SignedIn> {
      const { userId, sessionId, token, ended } = await database.transaction(async (query) => {
        const { id, passwordHash } = await work(query);
        const others = await revoke(query, { userId: id });
        return { userId: id, ended: others, ...(await insert(query, { userId: id, passwordHash, device, origin })) };
      });
      securityLog.write('authn_login_success', { userId, sessionId, isGuest: false }, origin);
      await announceEnd(ended, { userId, reason: 'password reset' }, origin);
      return grant(userId, sessionId, token);
    },

    /** Issues new tokens for the viewer's present session. */
    async renew({ userId, sessionId }: Viewer): Promise<SignedIn> {
      const token = await database.transaction((query) => refreshTokens.replaceNewest(query, sessionId));
      auth.forget(sessionId);
      return grant(userId, sessionId, token);
    },

    /** Issues new tokens for the viewer's present session and ends all others, in one transaction with `work`. */
    async renewAlone({ userId, sessionId, origin }: Viewer, work: (query: Query) => Promise<void>): Promise<SignedIn> {
      const { token, ended } = await database.transaction(async (query) => {
        await work(query);
        const others = await revoke(query, { userId, not: sessionId });
        return { token: await refreshTokens.replaceNewest(query, sessionId), ended: others };
      });
      auth.forget(sessionId);
      await announceEnd(ended, { userId, reason: 'password changed' }, origin);
      return grant(userId, sessionId, token);
    },

    /** Ends all sessions of the viewer, in one transaction with `work`. */
    async endAll({ userId, origin }: Viewer, work: (query: Query) => Promise<void>): Promise<void> {
      const ended = await database.transaction(async (query) => {
        await work(query);
        return revoke(query, { userId });
      });
      await announceEnd(ended, { userId, reason: 'account deleted' }, origin);
    },

    /**
     * Exchanges a refresh token for new tokens.
     * @param origin client that refreshes; its network is remembered
     * @throws UnauthenticatedError when the token is unknown, or was used wrongly: then its session is ended
     */
    async refresh(refreshToken: string, origin?: Origin): Promise<SignedIn> {
      const { sessionId, userId, token } = await database.transaction((query) =>
        rotateOrRevoke(query, refreshToken, origin),
      );
      auth.forget(sessionId);
      if (token !== null) return grant(userId, sessionId, token);
      return refuseReuse({ userId, sessionId }, origin);
    },

    /**
     * Returns the session and the user of a refresh token, also if the session has ended; null if the token is unknown.
     * @throws SuspendedError if the user is suspended
     */
    async ofToken(refreshToken: string): Promise<{ sessionId: string; userId: string } | null> {
      const session = await refreshTokens.find(database.query, refreshToken);
      if (session) refuseSuspended(session, now());
      return session;
    },

    /**
     * Checks that the client which has the viewer's access token also signed in: it has the session's refresh token, or the
     * sign-in was within the last five minutes. An access token alone may have been stolen.
     * @throws ForbiddenError when it has neither; UnauthenticatedError when the refresh token was used wrongly, which ends
     * its session
     */
    async prove(viewer: Viewer, refreshToken: string | null): Promise<void> {
      if (refreshToken === null) return requireRecent(viewer);
      const session = await database.transaction((query) => inspectOrRevoke(query, refreshToken));
      // Comes first: the session was ended already, also for a token of another session than the viewer's.
      if (session.isReused) await refuseReuse(session, viewer.origin);
      if (session.sessionId !== viewer.sessionId) throw new ForbiddenError('The refresh token is of another session.');
    },

    /**
     * Returns a page of the viewer's sessions that have neither ended nor expired, newest first.
     * @param page.first maximum number of sessions, 0 to `maxListed`
     * @param page.after id of the last session of the page before; null for the first page
     * @throws NotFoundError when `after` is not a session of the viewer
     */
    async list(
      { userId }: Viewer,
      { first, after }: { first: number; after: string | null } = { first: maxListed, after: null },
    ): Promise<Session[]> {
      if (first < 0 || first > maxListed)
        throw new BadUserInputError([{ path: 'first', message: `must be 0 to ${maxListed}` }]);
      const last = after === null ? null : await requireOwn(userId, after);
      return database.prisma.session.findMany({
        where: {
          userId,
          revokedAt: null,
          lastUsedAt: { gte: new Date(now() - ttlMs) },
          ...(last === null ? {} : before(last)),
        },
        orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
        take: first,
      });
    },

    /** Returns one of the viewer's own sessions; null when it is not one. */
    find: (viewer: Viewer, id: string): Promise<Session | null> =>
      database.prisma.session.findFirst({ where: { id, userId: viewer.userId } }),

    /** Ends one of the viewer's own sessions, and its live connections. Ending the present one is a logout. */
    async end({ userId, sessionId, origin }: Viewer, id: string): Promise<Session> {
      const ended = await revoke(database.query, { id, userId });
      const session = await requireOwn(userId, id);
      // Comes last, so that the response leaves before the signal closes the socket that the request may have come by.
      await announceEnd(ended, { userId, reason: id === sessionId ? 'logout' : 'revoked by the user' }, origin);
      return session;
    },
  };

  /** Inserts a session with its first refresh token, unless the password hash has changed or the user is suspended. */
  async function insert(
    query: Query,
    given: { userId: string; passwordHash: string | null; device: string; origin: Origin | undefined },
  ): Promise<{ sessionId: string; token: string }> {
    const { userId, passwordHash, device, origin } = given;
    const sessionId = randomUUID();
    const place = origin ? placeOf(userId, origin.address) : null;
    const row = { id: sessionId, userId, device, at: new Date(now()), passwordHash, place };
    const begun = await query(insertSession, row);
    if (begun.length === 0) await refuseBegin(query, userId);
    return { sessionId, token: await refreshTokens.issue(query, sessionId) };
  }

  /** Throws the reason why a session of a user with the right password cannot begin. */
  async function refuseBegin(query: Query, userId: string): Promise<never> {
    const [user] = await query(selectSuspension, { userId });
    if (user) refuseSuspended(user, now());
    throw new UnauthenticatedError('The password was just changed. Sign in again.');
  }

  async function requireOwn(userId: string, id: string): Promise<Session> {
    const session = await database.prisma.session.findFirst({ where: { id, userId } });
    if (session === null) throw new NotFoundError("Session not found, or it isn't yours.");
    return session;
  }

  async function grant(userId: string, sessionId: string, refreshToken: string): Promise<SignedIn> {
    return { ...(await auth.sign(userId, sessionId)), refreshToken, userId };
  }

  /** Tells the security log and every node that sessions were ended. */
  async function announceEnd(
    sessionIds: readonly string[],
    { userId, reason }: { userId: string; reason: EndReason },
    origin: Origin | undefined,
  ): Promise<void> {
    if (sessionIds.length > 0) securityLog.write('session_revoked', { userId, sessionIds, reason }, origin);
    await auth.publishRevocation(userId, sessionIds);
  }

  /** Announces that a session was ended because its refresh token was used wrongly. @throws UnauthenticatedError always */
  async function refuseReuse(
    { userId, sessionId }: { userId: string; sessionId: string },
    origin: Origin | undefined,
  ): Promise<never> {
    securityLog.write('authn_token_reuse', { userId, sessionId }, origin);
    await auth.publishRevocation(userId, [sessionId]);
    throw new UnauthenticatedError('The refresh token was used before, so its session was ended. Sign in again.');
  }

  async function rotateOrRevoke(query: Query, refreshToken: string, origin: Origin | undefined): Promise<Rotation> {
    const rotation = await refreshTokens.rotate(query, refreshToken, origin?.address ?? null);
    const { sessionId: id, userId, token } = rotation;
    if (token === null) await revoke(query, { id, userId });
    return rotation;
  }

  async function inspectOrRevoke(query: Query, refreshToken: string) {
    const session = await refreshTokens.inspect(query, refreshToken);
    if (session.isReused) await revoke(query, { id: session.sessionId, userId: session.userId });
    return session;
  }

  async function requireRecent({ sessionId }: Viewer): Promise<void> {
    const since = new Date(now() - recentMs);
    const recent = await database.prisma.session.count({ where: { id: sessionId, createdAt: { gte: since } } });
    if (recent === 0) throw new ForbiddenError('The sign-in is too long ago: pass the `refreshToken` of this session.');
  }

  /**
   * Ends one session of a user, or all but one.
   * @returns ids of the sessions that it ended, for `auth.publishRevocation` after the commit
   */
  async function revoke(query: Query, where: { id?: string; userId: string; not?: string }): Promise<string[]> {
    const { userId, id: only = null, not: except = null } = where;
    const ended = await query(updateRevoked, { userId, only, except, at: new Date(now()) });
    return ended.map(({ id }) => id);
  }
}

/** Condition for sessions that come after another one in the list. */
function before({ createdAt, id }: Session) {
  return { OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: id } }] };
}

export type Sessions = ReturnType<typeof createSessions>;
