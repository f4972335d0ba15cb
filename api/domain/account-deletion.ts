import { BadUserInputError } from '../errors.ts';
import type { Query } from '../infra/database/database.ts';
import { emptyProfile, insertErasure } from '../infra/database/erasures.ts';
import { statement } from '../infra/database/statement.ts';
import { nullable, text, uuid } from '../infra/database/types.ts';
import type { Viewer } from './auth.ts';
import type { Erasures } from './erasure/erasures.ts';
import type { Passwords } from './passwords.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { SecurityLog } from './security-log.ts';
import type { Sessions } from './sessions.ts';
import type { UserCache } from './user-cache.ts';
import type { UserReads } from './user-reads.ts';

/** Creates the deletion of accounts by their users. */
export function createAccountDeletion(options: {
  users: Pick<UserReads, 'byId'>;
  passwords: Passwords;
  sessions: Pick<Sessions, 'endAll'>;
  userCache: Pick<UserCache, 'publishChange'>;
  erasures: Pick<Erasures, 'begin'>;
  rateLimits: RateLimits;
  securityLog: SecurityLog;
}) {
  const { users, passwords, sessions, userCache, erasures, securityLog } = options;
  const deletions = options.rateLimits.shared('deletions', rates.passwordChanges);

  return {
    /**
     * Empties the viewer's profile and ends all sessions, for good. Messages, files and memberships follow after the response.
     * @param password null for a guest, who has none
     * @throws BadUserInputError for a wrong password; RateLimitedError
     */
    async deleteAccount(viewer: Viewer, password: string | null): Promise<void> {
      const { userId, origin } = viewer;
      await securityLog.watchLimit('deleteAccount', origin, () => deletions.take(userId));
      const { passwordHash } = await users.byId(userId);
      const isProven = await proves(passwordHash, password, userId);
      if (!isProven) {
        securityLog.write('user_delete_fail', { userId }, origin);
        throw wrongPassword(passwordHash === null);
      }
      await sessions.endAll(viewer, (query) => enterLedger(query, userId, passwordHash));
      securityLog.write('user_deleted', { userId, isGuest: passwordHash === null }, origin);
      await userCache.publishChange(userId);
      erasures.begin(userId);
    },
  };

  async function proves(passwordHash: string | null, password: string | null, caller: string): Promise<boolean> {
    if (passwordHash === null || password === null) return passwordHash === password;
    return passwords.matches(passwordHash, password, caller);
  }
}

/** The password may have changed since it was compared. */
async function enterLedger(query: Query, userId: string, passwordHash: string | null): Promise<void> {
  const locked = await query(lockUser, { userId, passwordHash });
  if (locked.length === 0) throw wrongPassword(false);
  await query(insertErasure, { userId, at: new Date() });
  await query(emptyProfile, { userId });
}

function wrongPassword(isGuest: boolean): BadUserInputError {
  const message = isGuest ? 'must be null: a guest has no password' : 'must be your present password';
  return new BadUserInputError([{ path: 'password', message }]);
}

const lockUser = statement({
  sql: 'SELECT id FROM users WHERE id = $userId AND password_hash IS NOT DISTINCT FROM $passwordHash FOR UPDATE',
  parameters: { userId: uuid, passwordHash: nullable(text) },
  row: { id: uuid },
});
