import { randomUUID } from 'node:crypto';
import type { User } from '../../prisma/generated/client.ts';
import { addressGroup } from '../address.ts';
import { ConflictError, UnauthenticatedError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import { withKey } from '../text/comparison-key.ts';
import { storedEmails } from '../text/email-address.ts';
import { readText } from '../text/text-kinds.ts';
import type { Viewer } from './auth.ts';
import { deviceName } from './device-name.ts';
import { createLoginLimits } from './login-limits.ts';
import type { Origin } from './origin.ts';
import type { PasswordRules } from './password-rules.ts';
import type { Passwords } from './passwords.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { SecurityLog } from './security-log.ts';
import type { Sessions, SignedIn } from './sessions.ts';
import { createSlowedGuests } from './slowed-guests.ts';
import { refuseSuspended } from './suspension-rules.ts';
import { throwProblems } from './text.ts';
import type { UserCache } from './user-cache.ts';
import { findByEmail } from './users-by-email.ts';

/** Creates the ways to sign in: registering, logging in, and entering as a guest. */
export function createSignIn(options: {
  database: Database;
  userCache: Pick<UserCache, 'publishChange'>;
  passwords: Passwords;
  passwordRules: PasswordRules;
  sessions: Sessions;
  rateLimits: RateLimits;
  /** Number of suspended users of a network from which on its guests are slowed down. */
  slowGuestsAfter: number;
  securityLog: SecurityLog;
}) {
  const { database, userCache, passwords, passwordRules, sessions, rateLimits, securityLog } = options;
  const { prisma } = database;
  const logins = createLoginLimits(options);
  const newcomers = rateLimits.ofAddress('newcomers', rates.newcomers);
  const guestsOfDay = rateLimits.ofAddress('guests-day', rates.guestsOfDay);
  const slowedGuests = createSlowedGuests({ ...options, suspensions: options.slowGuestsAfter });
  const registrations = rateLimits.ofAddress('registrations', rates.registrations);
  const refreshes = rateLimits.shared('refresh', rates.refreshes);
  const refreshesOfAddress = rateLimits.ofAddress('refreshes', rates.refreshesOfAddress);

  return {
    /**
     * Creates a user with a password. A guest who registers keeps id, channels, history and the present session, and must
     * prove the sign-in by its refresh token unless it is recent. A taken address takes as long as a free one, because the
     * password is hashed first; the error tells them apart, so attempts are limited.
     * @throws ConflictError when the e-mail address is taken; SuspendedError for a suspended guest, whose token has ended; the errors
     * of `Sessions.prove`
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
      origin: Origin,
    ): Promise<SignedIn> {
      const email = readText('email', input.email, 'input.email');
      const name = readText('userName', input.name, 'input.name');
      throwProblems([
        ...email.problems,
        ...(await passwordRules.problems(input.password, 'input.password', [name.value, email.value])),
        ...name.problems,
      ]);
      await securityLog.watchLimit('register', origin, async () => {
        await newcomers.take(origin.address);
        await registrations.take(origin.address);
      });
      if (viewer === null && input.refreshToken != null) await sessions.ofToken(input.refreshToken);
      if (viewer !== null && (await isGuest(viewer))) await sessions.prove(viewer, input.refreshToken ?? null);
      const passwordHash = await passwords.hash(input.password, addressGroup(origin.address));
      const fields = { email: email.value, ...withKey(name.value), passwordHash };
      const user = await addUser(viewer, storedEmails(input.email), fields, origin);
      if (viewer?.userId === user.id) return sessions.renew(viewer);
      return sessions.begin(user, deviceName(input.device, origin.userAgent), origin);
    },

    /**
     * Begins a session of a user with a password.
     * @throws UnauthenticatedError for a wrong address or password, without saying which; SuspendedError
     */
    async login(input: { email: string; password: string; device: string | null }, origin: Origin): Promise<SignedIn> {
      const { email } = input;
      const user = await securityLog.watchLimit('login', origin, () => findWithinLimits(email, origin));
      const matches = await passwords.matches(user?.passwordHash ?? null, input.password, addressGroup(origin.address));
      if (!matches || user === null) {
        securityLog.write('authn_login_fail', { userId: user?.id, email }, origin);
        throw new UnauthenticatedError('The e-mail address or the password is wrong.');
      }
      return sessions.begin(user, deviceName(input.device, origin.userAgent), origin);
    },

    /** Creates a user without a password. The e-mail address, if any, only serves to find a picture. */
    async guest(
      input: { name: string; email: string | null; device: string | null },
      origin: Origin,
    ): Promise<SignedIn> {
      const { value: name, problems } = readText('userName', input.name, 'input.name');
      const read = input.email === null ? null : readText('email', input.email, 'input.email');
      throwProblems([...problems, ...(read?.problems ?? [])]);
      await securityLog.watchLimit('guest', origin, async () => {
        await newcomers.take(origin.address);
        await guestsOfDay.take(origin.address);
        await slowedGuests.take(origin.address);
      });
      const fields = { ...withKey(name), email: read?.value ?? null };
      const user = await prisma.user.create({ data: { id: randomUUID(), createdAt: new Date(), ...fields } });
      securityLog.write('user_created', { userId: user.id, isGuest: true }, origin);
      return sessions.begin(user, deviceName(input.device, origin.userAgent), origin);
    },

    /**
     * Exchanges a refresh token for new tokens.
     * @throws UnauthenticatedError when the token is unknown, or was used wrongly: then its session is ended; SuspendedError
     */
    async refresh(refreshToken: string, origin: Origin): Promise<SignedIn> {
      await securityLog.watchLimit('refresh', origin, async () => {
        await refreshesOfAddress.take(origin.address);
        const session = await sessions.ofToken(refreshToken);
        if (session !== null) await refreshes.take(session.sessionId);
      });
      return sessions.refresh(refreshToken, origin);
    },
  };

  /** Returns the user of an address, or null, after counting the attempt to log in. */
  async function findWithinLimits(email: string, { address }: Origin): Promise<User | null> {
    await logins.takeOfAddress(address);
    const user = await findByEmail(database, storedEmails(email));
    await logins.takeOfAccount(email, user?.id ?? null, address);
    return user;
  }

  /** Returns whether the viewer is a guest. @throws SuspendedError for a suspended user whose session still seems to be valid here */
  async function isGuest({ userId }: Viewer): Promise<boolean> {
    const user = await prisma.user.findUnique({ where: { id: userId } });
    if (user) refuseSuspended(user);
    return user !== null && user.passwordHash === null;
  }

  /** Turns the viewer into a user with a password if the viewer is a guest, else creates one. */
  async function addUser(
    viewer: Viewer | null,
    emails: readonly string[],
    fields: { email: string; name: string; nameKey: string; passwordHash: string },
    origin: Origin,
  ): Promise<User> {
    const { email } = fields;
    if ((await findByEmail(database, emails)) !== null) throw emailTaken(email, origin);
    try {
      const where = { id: viewer?.userId ?? '', passwordHash: null };
      const [guest] = viewer ? await prisma.user.updateManyAndReturn({ where, data: fields }) : [];
      if (guest) {
        await userCache.publishChange(guest.id);
        const changed = ['email', 'name', 'password'];
        securityLog.write('user_updated', { userId: guest.id, email, changed }, origin);
        return guest;
      }
      const user = await prisma.user.create({ data: { id: randomUUID(), createdAt: new Date(), ...fields } });
      securityLog.write('user_created', { userId: user.id, email, isGuest: false }, origin);
      return user;
    } catch (error) {
      // P2002 is Prisma's code for a violated unique constraint: another registration was faster.
      if (!(error instanceof Error && 'code' in error && error.code === 'P2002')) throw error;
      throw emailTaken(email, origin);
    }
  }

  function emailTaken(email: string, origin: Origin): ConflictError {
    securityLog.write('user_create_fail', { email }, origin);
    return new ConflictError('This e-mail address is taken. Sign in with it, or use another one.');
  }
}
