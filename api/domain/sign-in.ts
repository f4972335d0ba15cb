import { randomUUID } from 'node:crypto';
import type { User } from '../../prisma/generated/client.ts';
import { ConflictError, UnauthenticatedError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import {
  deviceName,
  emailProblems,
  nameProblems,
  normaliseEmail,
  normaliseName,
  passwordProblems,
} from './account-input.ts';
import { addressGroup } from './address.ts';
import type { Viewer } from './auth.ts';
import type { Passwords } from './passwords.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { Sessions, SignedIn } from './sessions.ts';
import { throwProblems } from './text.ts';
import type { UserCache } from './user-cache.ts';

/** The client that a request comes from. */
export interface Origin {
  /** IP address. */
  address: string;
  userAgent: string;
}

/** Longest part of an e-mail address that attempts are counted by, in UTF-16 code units. */
const maxCountedLength = 254;

/** Creates the ways to sign in: registering, logging in, and entering as a guest. */
export function createSignIn(options: {
  database: Database;
  userCache: Pick<UserCache, 'publishChange'>;
  passwords: Passwords;
  sessions: Sessions;
  rateLimits: RateLimits;
}) {
  const { userCache, passwords, sessions, rateLimits } = options;
  const { prisma } = options.database;
  const logins = rateLimits.shared('login', rates.logins);
  const loginsOfAddress = rateLimits.shared('logins', rates.loginsOfAddress);
  const newcomers = rateLimits.shared('newcomers', rates.newcomers);
  const guestsOfDay = rateLimits.shared('guests-day', rates.guestsOfDay);

  return {
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
      await newcomers.take(addressGroup(address));
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
      await newcomers.take(addressGroup(address));
      await guestsOfDay.take(addressGroup(address));
      const user = await prisma.user.create({ data: { id: randomUUID(), createdAt: new Date(), name, email } });
      return sessions.begin(user, deviceName(input.device, userAgent));
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
        await userCache.publishChange(guest.id);
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

function emailTaken(): ConflictError {
  return new ConflictError('This e-mail address is taken. Sign in with it, or use another one.');
}
