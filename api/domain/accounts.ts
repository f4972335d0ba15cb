import type { Session, User } from '../../prisma/generated/client.ts';
import { BadUserInputError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { nullable, text, uuid } from '../infra/database/types.ts';
import { withKey } from '../text/comparison-key.ts';
import { readText } from '../text/text-kinds.ts';
import { createAccountDeletion } from './account-deletion.ts';
import type { Auth, Viewer } from './auth.ts';
import { readNewData } from './custom-data.ts';
import type { Erasures } from './erasure/erasures.ts';
import type { OutgoingMail } from './outgoing-mail.ts';
import { deleteResetsOf } from './password-reset-statements.ts';
import { createPasswordResets, type ResetLinks } from './password-resets.ts';
import { createPasswordRules } from './password-rules.ts';
import { createPasswords, type HashCost } from './passwords.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { SecurityLog } from './security-log.ts';
import { createSessions, type SessionBounds, type SignedIn } from './sessions.ts';
import { createSignIn } from './sign-in.ts';
import { throwProblems } from './text.ts';
import type { UserCache } from './user-cache.ts';
import { createUserReads } from './user-reads.ts';
import { createUserSearch } from './user-search.ts';

/** Changes of a profile; null leaves a part as it is. */
interface ProfileChanges {
  name: string | null;
  avatarId: string | null;
  /** Value of the scalar `JSON`: null removes the data, undefined keeps them. */
  data?: unknown;
}

/** Creates the accounts of the domain: users, and how they sign in. E-mail addresses are unique among users with a password. */
export function createAccounts(options: {
  database: Database;
  auth: Auth;
  userCache: Pick<UserCache, 'getMany' | 'peek' | 'isGuest' | 'publishChange'>;
  /** Returns an upload that the viewer may use as a picture; null when there is none with that id. */
  ownPicture(viewer: Viewer, uploadId: string): Promise<object | null>;
  rateLimits: RateLimits;
  sessionBounds: SessionBounds;
  /** Number of suspended users of a network from which on its guests are slowed down. */
  slowGuestsAfter: number;
  /** Minimum length of a new password, in Unicode code points. */
  minPasswordLength: number;
  maxDataBytes: number;
  /** Cost of new hashes of passwords, by default the recommended one. */
  hashCost?: HashCost | undefined;
  erasures: Pick<Erasures, 'begin'>;
  outgoingMail: Pick<OutgoingMail, 'enqueue'>;
  resetLinks: ResetLinks;
  securityLog: SecurityLog;
}) {
  const { database, auth, userCache, ownPicture, rateLimits, securityLog, maxDataBytes } = options;
  const { prisma } = database;
  const passwords = createPasswords(options.hashCost);
  const passwordRules = createPasswordRules({ minLength: options.minPasswordLength });
  const sessions = createSessions({ database, auth, bounds: options.sessionBounds, securityLog });
  const users = createUserReads(database);
  const signIn = createSignIn({ ...options, passwords, passwordRules, sessions });
  const resets = createPasswordResets({ ...options, passwords, passwordRules, sessions, links: options.resetLinks });
  const passwordChanges = rateLimits.shared('password', rates.passwordChanges);
  const profileChanges = rateLimits.shared('profile', rates.profileChanges);
  const sessionEnds = rateLimits.shared('session-ends', rates.sessionEnds);

  return {
    ...users,
    ...signIn,
    ...resets,
    ...createAccountDeletion({ ...options, users, passwords, sessions }),
    ...createUserSearch(options),

    /** Returns users by their ids, from the cache that live delivery uses. */
    authors: userCache.getMany,
    /** Returns one of them if it is cached, else null. */
    cachedAuthor: userCache.peek,

    sessions: sessions.list,
    session: sessions.find,

    /** Ends one of the viewer's own sessions. @throws NotFoundError, RateLimitedError */
    async revokeSession(viewer: Viewer, id: string): Promise<Session> {
      await sessionEnds.take(viewer.userId);
      return sessions.end(viewer, id);
    },

    /** Ends the viewer's present session. */
    async logout(viewer: Viewer): Promise<void> {
      await sessions.end(viewer, viewer.sessionId);
    },

    /** Changes the viewer's name, and the upload that is the viewer's picture; null leaves one as it is. */
    async updateProfile(viewer: Viewer, changes: ProfileChanges): Promise<User> {
      const { avatarId } = changes;
      const read = changes.name === null ? null : readText('userName', changes.name, 'input.name');
      const name = read?.value ?? null;
      throwProblems(read?.problems ?? []);
      const newData = readNewData(changes.data, 'input.data', maxDataBytes);
      await profileChanges.take(viewer.userId);
      if (avatarId !== null && (await ownPicture(viewer, avatarId)) === null) throw noOwnPicture();
      if (name === null && avatarId === null && newData === null) return users.byId(viewer.userId);
      const custom = newData === null ? {} : { data: newData.json };
      const data = { ...(name === null ? {} : withKey(name)), ...(avatarId === null ? {} : { avatarId }), ...custom };
      const user = await prisma.user.update({ where: { id: viewer.userId }, data });
      auth.forget(viewer.sessionId);
      const changed = [
        ...(name === null ? [] : ['name']),
        ...(avatarId === null ? [] : ['avatarId']),
        ...Object.keys(custom),
      ];
      securityLog.write('user_updated', { userId: user.id, changed }, viewer.origin);
      await userCache.publishChange(user.id);
      return user;
    },

    /**
     * Changes the viewer's password and ends every other session.
     * @throws BadUserInputError when the current password is wrong
     */
    async changePassword(viewer: Viewer, current: string, next: string): Promise<SignedIn> {
      const { passwordHash, name, email } = await users.byId(viewer.userId);
      throwProblems(await passwordRules.problems(next, 'next', [name, email ?? '']));
      await securityLog.watchLimit('changePassword', viewer.origin, () => passwordChanges.take(viewer.userId));
      // A guest's attempt costs no hash: it has no password to match.
      if (passwordHash === null || !(await passwords.matches(passwordHash, current, viewer.userId))) {
        securityLog.write('authn_password_change_fail', { userId: viewer.userId }, viewer.origin);
        throw wrongPassword();
      }
      const nextHash = await passwords.hash(next, viewer.userId);
      const renewed = await sessions.renewAlone(viewer, async (query) => {
        const changed = await query(updatePassword, { userId: viewer.userId, passwordHash, nextHash });
        if (changed.length === 0) throw wrongPassword();
        await query(deleteResetsOf, { userId: viewer.userId });
      });
      securityLog.write('authn_password_change', { userId: viewer.userId }, viewer.origin);
      return renewed;
    },
  };
}

export type Accounts = ReturnType<typeof createAccounts>;

function noOwnPicture(): BadUserInputError {
  const message = 'must be a picture that you uploaded without a channel';
  return new BadUserInputError([{ path: 'input.avatarId', message }]);
}

function wrongPassword(): BadUserInputError {
  return new BadUserInputError([{ path: 'current', message: 'must be your present password' }]);
}

const updatePassword = statement({
  sql: `
    UPDATE users SET password_hash = $nextHash WHERE id = $userId AND password_hash = $passwordHash RETURNING id`,
  parameters: { userId: uuid, passwordHash: nullable(text), nextHash: text },
  row: { id: uuid },
});
