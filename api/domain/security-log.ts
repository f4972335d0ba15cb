import { createHmac } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { addressGroup } from '../address.ts';
import { RateLimitedError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { maxEntries } from '../lru-size.ts';
import { emailKey } from '../text/email-address.ts';
import type { Origin } from './origin.ts';

/** Events of the security log. Names are those of OWASP's Logging Vocabulary where it has one. */
export const securityEvents = [
  'user_created',
  'user_create_fail',
  'user_updated',
  'user_deleted',
  'user_delete_fail',
  'authn_login_success',
  'authn_login_fail',
  'authn_token_created',
  'authn_token_reuse',
  'authn_password_change',
  'authn_password_change_fail',
  'authn_password_reset_request',
  'authn_password_reset',
  'authn_password_reset_fail',
  'session_revoked',
  'excess_rate_limit_exceeded',
  'user_blocked',
  'user_unblocked',
  'user_reported',
  'user_suspended',
  'user_reinstated',
  'room_closed',
  'member_kicked',
  'member_banned',
  'member_unbanned',
  'member_muted',
  'member_role_changed',
  'message_deleted',
] as const;

type SecurityEvent = (typeof securityEvents)[number];

/** Causes for which sessions are ended. */
export type EndReason =
  | 'logout'
  | 'revoked by the user'
  | 'password changed'
  | 'password reset'
  | 'account deleted'
  | 'too many sessions';

/** Facts about an event. None of them is a text that a user wrote. */
interface SecurityFacts {
  /** The account that the event is about: the one that acts, or that somebody tries to sign in to. */
  userId?: string | undefined;
  /** E-mail address of the account, which is logged as a digest only. */
  email?: string | undefined;
  sessionId?: string | undefined;
  /** Sessions that ended. */
  sessionIds?: readonly string[];
  /** Cause of a revocation. */
  reason?: EndReason;
  /** Names of the fields that changed. */
  changed?: readonly string[];
  isGuest?: boolean;
  /** Action that was refused. */
  action?: string;
  /** The other user of a block, or of an act of moderation. */
  targetId?: string;
  channelId?: string;
}

/** Writes the events that matter to the security of accounts, apart from the other logs. */
export interface SecurityLog {
  /**
   * Writes one event.
   * @param origin the client; left out for events outside of a request
   */
  write(event: SecurityEvent, facts: SecurityFacts, origin?: Origin): void;
  /**
   * Does some work, and writes `excess_rate_limit_exceeded` if a rate limit refuses it: once a minute for each action and
   * network in this process, so that a flood of refused requests does not fill the log.
   */
  watchLimit<Result>(action: string, origin: Origin | undefined, work: () => Promise<Result>): Promise<Result>;
}

/** Maximum number of UTF-16 code units of a user agent. */
const maxAgentLength = 200;
/** Milliseconds in which refusals of one action of one network are one event. */
const refusalMs = 60_000;
/** Maximum number of networks whose refusals are remembered. */
const maxRefused = 10_000;

/**
 * Creates the security log. Lines have the event, ids, the client's address, user agent and request id; never a password, a
 * token or an e-mail address.
 * @param options.secret key of the digests of e-mail addresses, so that nobody else can compute them
 */
export function createSecurityLog({ logger, secret }: { logger: Logger; secret: Uint8Array }): SecurityLog {
  const refused = new LRUCache<string, true>({ ...maxEntries(maxRefused), ttl: refusalMs });

  return { write, watchLimit };

  function write(event: SecurityEvent, { email, ...facts }: SecurityFacts, origin?: Origin): void {
    const account = email === undefined ? {} : { emailDigest: digest(email) };
    logger.info({ event, ...facts, ...account, ...clientOf(origin) }, 'security event');
  }

  async function watchLimit<Result>(action: string, origin: Origin | undefined, work: () => Promise<Result>) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof RateLimitedError) writeRefusal(action, origin);
      throw error;
    }
  }

  function writeRefusal(action: string, origin: Origin | undefined): void {
    const key = `${action}:${addressGroup(origin?.address ?? '')}`;
    if (refused.has(key)) return;
    refused.set(key, true);
    write('excess_rate_limit_exceeded', { action }, origin);
  }

  function digest(email: string): string {
    return createHmac('sha256', secret).update(emailKey(email)).digest('base64url').slice(0, 22);
  }
}

/** A security log that writes nothing: for `SECURITY_LOG=off`. */
export const noSecurityLog: SecurityLog = {
  write: () => {},
  watchLimit: (_action, _origin, work) => work(),
};

function clientOf(origin: Origin | undefined) {
  if (origin === undefined) return {};
  const { address, userAgent, requestId } = origin;
  return { address, userAgent: userAgent.slice(0, maxAgentLength), requestId };
}
