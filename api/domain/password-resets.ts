import { createHash, randomBytes } from 'node:crypto';
import { addressGroup } from '../address.ts';
import { BadUserInputError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import type { Mail } from '../infra/mail/mail.ts';
import { storedEmails } from '../text/email-address.ts';
import { readText } from '../text/text-kinds.ts';
import { deviceName } from './device-name.ts';
import { accountKey } from './login-limits.ts';
import type { Origin } from './origin.ts';
import type { OutgoingMail } from './outgoing-mail.ts';
import { writeResetMail } from './password-reset-mail.ts';
import { deleteResetsOf, insertReset, selectReset, useReset } from './password-reset-statements.ts';
import type { PasswordRules } from './password-rules.ts';
import type { Passwords } from './passwords.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { SecurityLog } from './security-log.ts';
import type { Sessions, SignedIn } from './sessions.ts';
import { throwProblems } from './text.ts';
import { findByEmail } from './users-by-email.ts';

const tokenBytes = 32;

/** Choices about the links that reset a password. */
export interface ResetLinks {
  /** URL to which the token is appended. */
  url: string;
  /** Milliseconds for which a link works. */
  ttlMs: number;
}

/** Creates the reset of forgotten passwords by links in mails. @param options.now epoch milliseconds */
export function createPasswordResets(options: {
  database: Database;
  passwords: Passwords;
  passwordRules: PasswordRules;
  sessions: Pick<Sessions, 'beginAlone'>;
  outgoingMail: Pick<OutgoingMail, 'enqueue'>;
  links: ResetLinks;
  rateLimits: RateLimits;
  securityLog: SecurityLog;
  now?: () => number;
}) {
  const { database, passwords, passwordRules, sessions, outgoingMail, links, rateLimits, securityLog } = options;
  const { now = Date.now } = options;
  const requests = rateLimits.ofAddress('reset-requests', rates.resetRequests);
  const requestsOfAccount = rateLimits.shared('reset-requests-account', rates.resetRequestsOfAccount);
  const resets = rateLimits.ofAddress('resets', rates.resets);

  return {
    /**
     * Sends a link to an address if it has an account with a password. Nothing that the caller sees depends on that.
     * @throws BadUserInputError if it is no address; RateLimitedError, UnavailableError
     */
    async requestPasswordReset(email: string, origin: Origin): Promise<void> {
      throwProblems(readText('email', email, 'email').problems);
      await securityLog.watchLimit('requestPasswordReset', origin, async () => {
        await requests.take(origin.address);
        await requestsOfAccount.take(accountKey(email));
      });
      securityLog.write('authn_password_reset_request', { email }, origin);
      outgoingMail.enqueue(() => writeMail(email));
    },

    /**
     * Sets a new password by the token of a link, ends all sessions of the user, and begins one. A token works once, and no other
     * token of the user works after it.
     * @throws BadUserInputError for a token that is unknown, was used or has expired, or for the password; RateLimitedError
     */
    async resetPassword(token: string, password: string, origin: Origin): Promise<SignedIn> {
      const hash = digestOf(readText('resetToken', token, 'token').value);
      await securityLog.watchLimit('resetPassword', origin, () => resets.take(origin.address));
      const [user] = await database.query(selectReset, { hash, at: new Date(now()) });
      if (user === undefined) throw invalidToken(origin);
      throwProblems(await passwordRules.problems(password, 'password', [user.name, user.email ?? '']));
      const passwordHash = await passwords.hash(password, addressGroup(origin.address));
      const signedIn = await sessions.beginAlone(deviceName(null, origin.userAgent), origin, async (query) => {
        const [used] = await query(useReset, { hash, at: new Date(now()), passwordHash });
        if (used === undefined) throw invalidToken(origin);
        await query(deleteResetsOf, { userId: used.id });
        return { id: used.id, passwordHash };
      });
      securityLog.write('authn_password_reset', { userId: signedIn.userId }, origin);
      return signedIn;
    },
  };

  /** The mail goes to the stored address: the given one may be another that is only compared as equal. */
  async function writeMail(given: string): Promise<Mail | null> {
    const user = await findByEmail(database, storedEmails(given));
    if (user?.email == null) return null;
    const token = randomBytes(tokenBytes).toString('base64url');
    const expiresAt = new Date(now() + links.ttlMs);
    await database.query(insertReset, { hash: digestOf(token), userId: user.id, expiresAt });
    return writeResetMail(user.email, { link: `${links.url}${token}`, ttlMs: links.ttlMs });
  }

  function invalidToken(origin: Origin): BadUserInputError {
    securityLog.write('authn_password_reset_fail', {}, origin);
    const message = 'must be of a link that was not used and has not expired: request a new one';
    return new BadUserInputError([{ path: 'token', message }]);
  }
}

function digestOf(token: string): Uint8Array {
  return createHash('sha256').update(token).digest();
}
