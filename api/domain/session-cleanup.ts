import type { Database } from '../infra/database/database.ts';
import type { Logger } from '../logger.ts';
import { createPeriodicJob } from './periodic-job.ts';
import {
  deleteEndedGuestSessions,
  deleteEndedTokens,
  deleteOldSessions,
  deleteOldTokens,
} from './session-statements.ts';

/** Age in milliseconds of an end at which its refresh tokens, and the sessions of guests, are removed. */
const endedMs = 86_400_000;
/** Number of rows that are removed with one statement. */
const defaultBatchSize = 500;

/**
 * Removes sessions and refresh tokens that can no longer be used. Sessions are kept for `ttlMs` milliseconds after their
 * last use, also if they were ended: they know the networks that their user signs in from. Guests cannot sign in again, so
 * their ended sessions go after a day. Tokens go first: a session with many of them is not removed in one statement. A run
 * can be interrupted at any point, and several processes can run at once.
 * @param options.ttlMs milliseconds without use after which a session has expired
 * @param options.onRemoved called with the number of sessions that a statement removed
 * @param options.now epoch milliseconds
 * @param options.firstRunMs,options.intervalMs see `createPeriodicJob`
 */
export function createSessionCleanup(options: {
  database: Pick<Database, 'query'>;
  ttlMs: number;
  onRemoved(sessions: number): void;
  batchSize?: number;
  now?: () => number;
  firstRunMs?: number;
  intervalMs?: number;
  logger: Logger;
}) {
  const { database, ttlMs, onRemoved, batchSize: limit = defaultBatchSize, now = Date.now } = options;
  const { query } = database;

  return createPeriodicJob({
    ...options,
    runOnce,
    failure: 'expired sessions were not removed; the next run tries again',
  });

  async function runOnce(): Promise<void> {
    const old = { before: new Date(now() - ttlMs), limit };
    const ended = { before: new Date(now() - endedMs), limit };
    await repeat(() => query(deleteOldTokens, old));
    await repeat(() => query(deleteEndedTokens, ended));
    await repeat(() => query(deleteOldSessions, old), onRemoved);
    await repeat(() => query(deleteEndedGuestSessions, ended), onRemoved);
  }

  /** Removes batches until one is not full. */
  async function repeat(remove: () => Promise<readonly unknown[]>, onBatch: (rows: number) => void = () => {}) {
    for (;;) {
      const { length } = await remove();
      onBatch(length);
      if (length < limit) return;
    }
  }
}
