import type { Database } from '../../infra/database/database.ts';
import { type CleanupJob, createRemovalJob, dayMs, hourMs, lowestId, portion } from './job.ts';
import {
  deleteSessions,
  deleteTokensIssuedBefore,
  deleteTokensOf,
  deleteTokensUsedBefore,
  selectSessions,
} from './session-statements.ts';

/** Age in milliseconds of an end at which its refresh tokens, and the sessions of guests, are removed. */
const endedMs = dayMs;
/**
 * Milliseconds for which a used refresh token is kept, so that its second use shows that it was stolen. A device makes one
 * every `TOKEN_TTL_SECONDS`, so these rows are most of the table.
 */
const reuseMs = 7 * dayMs;

/** Options of the jobs for sessions and refresh tokens. */
export interface SessionCleanupOptions {
  database: Pick<Database, 'query'>;
  /** Milliseconds without use after which a session has expired. */
  ttlMs: number;
  /** Returns epoch milliseconds. */
  now?: () => number;
}

/**
 * Creates the jobs that remove sessions and refresh tokens that can no longer be used, and tokens that were used long ago.
 * Sessions are kept for `ttlMs` milliseconds after their last use, also if they were ended: they know the networks that their
 * user signs in from. Guests cannot sign in again, so their ended sessions go after a day. Tokens go before their session, so
 * that a session with many of them is not removed in one statement.
 */
export function createSessionCleanup({ database, ttlMs, now = Date.now }: SessionCleanupOptions): CleanupJob[] {
  const { query } = database;
  const before = (ms: number) => new Date(now() - ms);

  return [
    createRemovalJob({
      name: 'expired tokens',
      table: 'refresh_token',
      remove: () => query(deleteTokensIssuedBefore, { before: before(ttlMs) }),
    }),
    createRemovalJob({
      name: 'used tokens',
      table: 'refresh_token',
      remove: () => query(deleteTokensUsedBefore, { before: before(Math.min(reuseMs, ttlMs)) }),
    }),
    createSessionJob(),
  ];

  function createSessionJob(): CleanupJob {
    return {
      name: 'sessions',
      intervalMs: hourMs,
      async step(cursor) {
        const after = cursor ?? lowestId;
        const rows = await query(selectSessions, { after, lastUsed: before(ttlMs), ended: before(endedMs) });
        const over = rows.filter(({ isOver }) => isOver).map(({ id }) => id);
        const tokens = over.length === 0 ? [] : await query(deleteTokensOf, { sessionIds: over });
        // There may be more tokens of these sessions: the same step goes on.
        if (tokens.length === portion) return { next: after, removed: { refresh_token: tokens.length } };
        const ids = rows.filter(({ isRemovable }) => isRemovable).map(({ id }) => id);
        const sessions = ids.length === 0 ? [] : await query(deleteSessions, { ids });
        const removed = { refresh_token: tokens.length, session: sessions.length };
        return { next: rows.at(-1)?.id ?? null, removed };
      },
    };
  }
}
