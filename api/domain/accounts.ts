import { randomUUID } from 'node:crypto';
import type { User } from '../../prisma/generated/client.ts';
import { BadUserInputError, ConflictError, UnauthenticatedError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import {
  deviceName,
  emailProblems,
  nameProblems,
  normaliseEmail,
  normaliseName,
  passwordProblems,
} from './account-input.ts';
import type { Auth, Viewer } from './auth.ts';
import { createPasswords } from './passwords.ts';
import type { RateLimits } from './rate-limits.ts';
import { createSessions, type SignedIn } from './sessions.ts';
import { throwProblems } from './text.ts';
import type { UserCache } from './user-cache.ts';
import { createUserReads } from './user-reads.ts';

/** The client that a request comes from. */
export interface Origin {
  /** IP address. */
  address: string;
  userAgent: string;
}

const minuteMs = 60_000;
/** Rate of attempts for one account from one address, and of password changes of one user. */
const loginRate = { points: 10, windowMs: minuteMs };
/** Rate of attempts for all accounts from one address. */
const addressRate = { points: 100, windowMs: minuteMs };
/** Rate of new guests and registrations from one address. */
const newcomerRate = { points: 120, windowMs: minuteMs };
/** Longest part of an address that is counted by, in UTF-16 code units. */
const maxCountedLength = 254;

/** Creates the accounts of the domain: users, and how they sign in. E-mail addresses are unique among users with a password. */
export function createAccounts(options: {
  database: Database;
  auth: Auth;
  userCache: Pick<UserCache, 'of' | 'tell'>;
  /** Returns an upload that the viewer may use as a picture; null when there is none with that id. */
  ownPicture(viewer: Viewer, uploadId: string): Promise<object | null>;
  rateLimits: RateLimits;
}) {
  const { database, auth, userCache, ownPicture, rateLimits } = options;
  const { prisma } = database;
  const passwords = createPasswords();
  const sessions = createSessions({ database, auth });
  const users = createUserReads(database);
  const logins = rateLimits.shared('login', loginRate);
  const loginsOfAddress = rateLimits.shared('logins', addressRate);
  const newcomers = rateLimits.shared('newcomers', newcomerRate);

  return {
    ...users,

    /** Returns users by their ids, from the cache that live delivery uses. */
    authors: userCache.of,

    /**
     * Creates a user with a password. A guest who registers keeps id, channels, history and the present session.
     * @throws ConflictError when the e-mail address is taken
     */
    async register(
      viewer: Viewer | null,
      input: { email: string; password: string; name: string; device: string | null },
      { address, userAgent }: Origin,
    ): Promise<SignedIn> {
      const email = normaliseEmail(input.email);
      const name = normaliseName(input.name);
      throwProblems([
        ...emailProblems(email, 'input.email'),
        ...passwordProblems(input.password, 'input.password'),
        ...nameProblems(name, 'input.name'),
      ]);
      await newcomers.take(address);
      if (await findByEmail(email)) throw emailTaken();
      const user = await addUser(viewer, { email, name, passwordHash: await passwords.hash(input.password) });
      if (viewer?.userId === user.id) return sessions.renew(viewer);
      return sessions.begin(user, deviceName(input.device, userAgent));
    },

    /**
     * Begins a session of a user with a password.
     * @throws UnauthenticatedError for a wrong address or password, without saying which
     */
    async login(
      input: { email: string; password: string; device: string | null },
      { address, userAgent }: Origin,
    ): Promise<SignedIn> {
      const email = normaliseEmail(input.email);
      await loginsOfAddress.take(address);
      await logins.take(`${address}:${email.slice(0, maxCountedLength)}`);
      const user = emailProblems(email, 'input.email').length > 0 ? null : await findByEmail(email);
      const matches = await passwords.matches(user?.passwordHash ?? null, input.password);
      if (!matches || user === null) throw new UnauthenticatedError('The e-mail address or the password is wrong.');
      return sessions.begin(user, deviceName(input.device, userAgent));
    },

    /** Creates a user without a password. The e-mail address, if any, only serves to find a picture. */
    async guest(
      input: { name: string; email: string | null; device: string | null },
      { address, userAgent }: Origin,
    ): Promise<SignedIn> {
      const name = normaliseName(input.name);
      const email = input.email === null ? null : normaliseEmail(input.email);
      throwProblems([
        ...nameProblems(name, 'input.name'),
        ...(email === null ? [] : emailProblems(email, 'input.email')),
      ]);
      await newcomers.take(address);
      const user = await prisma.user.create({ data: { id: randomUUID(), createdAt: new Date(), name, email } });
      return sessions.begin(user, deviceName(input.device, userAgent));
    },

    refresh: sessions.refresh,
    sessions: sessions.list,
    session: sessions.find,
    revokeSession: sessions.end,

    /** Ends the viewer's present session. */
    async logout(viewer: Viewer): Promise<void> {
      await sessions.end(viewer, viewer.sessionId);
    },

    /** Changes the viewer's name, and the upload that is the viewer's picture; null leaves one as it is. */
    async updateProfile(viewer: Viewer, changes: { name: string | null; avatarId: string | null }): Promise<User> {
      const { avatarId } = changes;
      const name = changes.name === null ? null : normaliseName(changes.name);
      throwProblems(name === null ? [] : nameProblems(name, 'input.name'));
      if (avatarId !== null && (await ownPicture(viewer, avatarId)) === null) throw noOwnPicture();
      if (name === null && avatarId === null) return users.byId(viewer.userId);
      const data = { ...(name === null ? {} : { name }), ...(avatarId === null ? {} : { avatarId }) };
      const user = await prisma.user.update({ where: { id: viewer.userId }, data });
      auth.forget(viewer.sessionId);
      await userCache.tell(user.id);
      return user;
    },

    /**
     * Changes the viewer's password and ends every other session.
     * @throws BadUserInputError when the current password is wrong
     */
    async changePassword(viewer: Viewer, current: string, next: string): Promise<SignedIn> {
      throwProblems(passwordProblems(next, 'next'));
      await logins.take(viewer.userId);
      const { passwordHash } = await users.byId(viewer.userId);
      if (!(await passwords.matches(passwordHash, current))) throw wrongPassword();
      const nextHash = await passwords.hash(next);
      return sessions.renewAlone(viewer, async (query) => {
        const changed = await query(
          'UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 RETURNING id',
          [viewer.userId, passwordHash, nextHash],
        );
        if (changed.length === 0) throw wrongPassword();
      });
    },
  };

  function findByEmail(email: string): Promise<User | null> {
    return prisma.user.findFirst({ where: { email, passwordHash: { not: null } } });
  }

  /** Turns the viewer into a user with a password if the viewer is a guest, else creates one. */
  async function addUser(
    viewer: Viewer | null,
    fields: { email: string; name: string; passwordHash: string },
  ): Promise<User> {
    try {
      const where = { id: viewer?.userId ?? '', passwordHash: null };
      const [guest] = viewer ? await prisma.user.updateManyAndReturn({ where, data: fields }) : [];
      if (guest) {
        await userCache.tell(guest.id);
        return guest;
      }
      return await prisma.user.create({ data: { id: randomUUID(), createdAt: new Date(), ...fields } });
    } catch (error) {
      // P2002 is Prisma's code for a violated unique constraint: another registration was faster.
      if (error instanceof Error && 'code' in error && error.code === 'P2002') throw emailTaken();
      throw error;
    }
  }
}

export type Accounts = ReturnType<typeof createAccounts>;

function emailTaken(): ConflictError {
  return new ConflictError('This e-mail address is taken. Sign in with it, or use another one.');
}

function noOwnPicture(): BadUserInputError {
  const message = 'must be a picture that you uploaded without a channel';
  return new BadUserInputError([{ path: 'input.avatarId', message }]);
}

function wrongPassword(): BadUserInputError {
  return new BadUserInputError([{ path: 'current', message: 'must be your present password' }]);
}
