import { randomUUID } from 'node:crypto';
import type { User } from '../../prisma/generated/client.ts';
import { addressGroup } from '../address.ts';
import { ConflictError, UnauthenticatedError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import { deviceName, emailProblems, nameProblems, normaliseEmail, normaliseName } from './account-input.ts';
import type { Viewer } from './auth.ts';
import { createLoginLimits, placeOf } from './login-limits.ts';
import type { PasswordRules } from './password-rules.ts';
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

/** Creates the ways to sign in: registering, logging in, and entering as a guest. */
export function createSignIn(options: {
  database: Database;
  userCache: Pick<UserCache, 'publishChange'>;
  passwords: Passwords;
  passwordRules: PasswordRules;
  sessions: Sessions;
  rateLimits: RateLimits;
}) {
  const { userCache, passwords, passwordRules, sessions, rateLimits } = options;
  const { prisma } = options.database;
  const logins = createLoginLimits(options);
  const newcomers = rateLimits.shared('newcomers', rates.newcomers);
  const registrations = rateLimits.shared('registrations', rates.registrations);
  const refreshes = rateLimits.shared('refresh', rates.refreshes);
  const refreshesOfAddress = rateLimits.shared('refreshes', rates.refreshesOfAddress);

  return {
    /**
     * Creates a user with a password. A guest who registers keeps id, channels, history and the present session, and must
     * prove the sign-in by its refresh token unless it is recent. A taken address takes as long as a free one, because the
     * password is hashed first; the error tells them apart, so attempts are limited.
     * @throws ConflictError when the e-mail address is taken; the errors of `Sessions.prove`
     */
    async register(
      viewer: Viewer | null,
      input: {
        email: string;
        password: string;
        name: string;
        device: string | null;
        refreshToken?: string | null | undefined;
      },
      { address, userAgent }: Origin,
    ): Promise<SignedIn> {
      const email = normaliseEmail(input.email);
      const name = normaliseName(input.name);
      throwProblems([
        ...emailProblems(email, 'input.email'),
        ...(await passwordRules.problems(input.password, 'input.password', [name, email])),
        ...nameProblems(name, 'input.name'),
      ]);
      const group = addressGroup(address);
      await newcomers.take(group);
      await registrations.take(group);
      if (viewer !== null && (await isGuest(viewer))) await sessions.prove(viewer, input.refreshToken ?? null);
      const passwordHash = await passwords.hash(input.password, group);
      const user = await addUser(viewer, { email, name, passwordHash });
      if (viewer?.userId === user.id) return sessions.renew(viewer);
      return sessions.begin(user, deviceName(input.device, userAgent), placeOf(user.id, address));
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
      await logins.takeOfAddress(address);
      const user = emailProblems(email, 'input.email').length > 0 ? null : await findByEmail(email);
      await logins.takeOfAccount(email, user?.id ?? null, address);
      const matches = await passwords.matches(user?.passwordHash ?? null, input.password, addressGroup(address));
      if (!matches || user === null) throw new UnauthenticatedError('The e-mail address or the password is wrong.');
      return sessions.begin(user, deviceName(input.device, userAgent), placeOf(user.id, address));
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
      const user = await prisma.user.create({ data: { id: randomUUID(), createdAt: new Date(), name, email } });
      return sessions.begin(user, deviceName(input.device, userAgent), placeOf(user.id, address));
    },

    /**
     * Exchanges a refresh token for new tokens.
     * @throws UnauthenticatedError when the token is unknown, or was used wrongly: then its session is ended
     */
    async refresh(refreshToken: string, { address }: Pick<Origin, 'address'>): Promise<SignedIn> {
      await refreshesOfAddress.take(addressGroup(address));
      const session = await sessions.ofToken(refreshToken);
      if (session !== null) await refreshes.take(session.sessionId);
      return sessions.refresh(refreshToken, session && placeOf(session.userId, address));
    },
  };

  async function isGuest({ userId }: Viewer): Promise<boolean> {
    return (await prisma.user.count({ where: { id: userId, passwordHash: null } })) > 0;
  }

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
