import { createHash, randomBytes } from 'node:crypto';
import { UnauthenticatedError } from '../errors.ts';
import type { Query } from '../infra/database/database.ts';
import { readText } from '../text/text-kinds.ts';
import { placeOf } from './login-limits.ts';
import {
  deleteExchangeable,
  insertToken,
  lockSession,
  selectSessionOfToken,
  selectToken,
  updateLastUsed,
  updateNewestUsed,
  updateUsed,
} from './session-statements.ts';
import type { SuspensionFacts } from './suspension-rules.ts';

/** Milliseconds for which a used refresh token can be used again: the response was lost, or two tabs refresh at once. */
const graceMs = 10_000;

/** Result of a rotation: the session of the token, and its successor; null when the token was used wrongly. */
export interface Rotation {
  sessionId: string;
  userId: string;
  token: string | null;
}

/**
 * Creates the refresh tokens of sessions. They rotate, and are stored hashed. Each method runs in its caller's transaction.
 * A session whose tokens were not used for `ttlMs` milliseconds is over: each use extends it (RFC 9700, section 4.14.2).
 */
export function createRefreshTokens({ now, ttlMs }: { now: () => number; ttlMs: number }) {
  return {
    /** Issues the first refresh token of a session. */
    issue: (query: Query, sessionId: string): Promise<string> =>
      addToken(query, { sessionId, parent: null, place: null }),

    /**
     * Issues a refresh token in place of the newest one of a session, which has its grace period. The others that could be
     * exchanged, those of other tabs, are forgotten.
     */
    async replaceNewest(query: Query, sessionId: string): Promise<string> {
      const at = new Date(now());
      await query(updateLastUsed, { sessionId, at, place: null });
      const [newest] = await query(updateNewestUsed, { sessionId, at });
      const kept = newest?.hash ?? null;
      await query(deleteExchangeable, { sessionId, kept, since: new Date(now() - graceMs - 1) });
      return addToken(query, { sessionId, parent: kept, place: null });
    },

    /**
     * Exchanges a refresh token for its successor. Within the grace period it can be exchanged again, as long as none of its
     * successors was used. Those that went to one network continue each by itself: they belong to tabs of one browser. Of those that
     * went to several networks, only the ones of one network may be used: any other use means that the token was stolen, and the
     * caller must end the session (RFC 9700, section 4.14.2).
     * @param address client's address, whose network the session remembers; null leaves that as it is
     * @throws UnauthenticatedError when the token is unknown, or its session has ended or expired
     */
    async rotate(query: Query, refreshToken: string, address: string | null): Promise<Rotation> {
      const { isReused, hash, ...session } = await inspect(query, refreshToken);
      if (isReused) return { ...session, token: null };
      const at = new Date(now());
      const place = address === null ? null : placeOf(session.userId, address);
      await query(updateUsed, { hash, at });
      await query(updateLastUsed, { sessionId: session.sessionId, at, place });
      return { ...session, token: await addToken(query, { sessionId: session.sessionId, parent: hash, place }) };
    },

    /**
     * Returns the session of a token without using the token, and whether it was used wrongly, as `rotate` judges it.
     * @throws UnauthenticatedError when the token is unknown, or its session has ended or expired
     */
    inspect,

    /** Returns the session and the user of a token, and the user's suspension; null if the token is unknown. */
    async find(
      query: Query,
      refreshToken: string,
    ): Promise<({ sessionId: string; userId: string } & SuspensionFacts) | null> {
      const [session = null] = await query(selectSessionOfToken, { hash: digest(refreshToken) });
      return session;
    },
  };

  async function inspect(query: Query, refreshToken: string) {
    const hash = digest(refreshToken);
    const [session] = await query(lockSession, { hash, since: new Date(now() - ttlMs) });
    if (session === undefined)
      throw new UnauthenticatedError('The refresh token is not valid or has expired. Sign in again.');
    // A separate statement, so that it sees changes that were committed while the first one waited for the lock.
    const [row] = await query(selectToken, { hash });
    const usedAt = row?.usedAt ?? null;
    const isLate = usedAt !== null && now() - usedAt.getTime() > graceMs;
    return { ...session, hash, isReused: row?.superseded || isLate };
  }

  async function addToken(
    query: Query,
    fields: { sessionId: string; parent: Uint8Array | null; place: Uint8Array | null },
  ): Promise<string> {
    const token = randomBytes(32).toString('base64url');
    await query(insertToken, { ...fields, hash: digest(token), at: new Date(now()) });
    return token;
  }
}

function digest(token: string): Buffer {
  const { value } = readText('refreshToken', token, 'refreshToken');
  return createHash('sha256').update(value).digest();
}
