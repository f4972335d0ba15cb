import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { UnauthenticatedError, withoutTrace } from '../errors.ts';
import type { Limits } from '../infra/state/state.ts';
import type { Auth, Viewer } from './auth.ts';
import type { Origin } from './origin.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { SecurityLog } from './security-log.ts';
import { derivedKeys, type SigningSecrets } from './signing-keys.ts';

/** A stream ticket, as its creator gets it. */
export interface StreamTicket {
  ticket: string;
  /** Time until which it opens a stream. */
  expiresAt: Date;
}

/** Milliseconds in which a stream ticket opens its stream. */
const openMs = 60_000;
/** Milliseconds from the creation in which the reader of that stream can open it again. */
const reopenMs = 86_400_000;
/** Uses of a ticket are remembered for longer than it is valid, by any process's clock. */
const once = { points: 1, windowMs: 2 * openMs };
/** Session, random id, time of creation in milliseconds since 1970, and signature. */
const pattern = /^([\da-f-]{36}\.[\w-]{22}\.\d{1,15})\.([\w-]{43})$/;

/**
 * Creates stream tickets, for clients that cannot set headers. A ticket is in a URL, so it opens one stream, within a minute.
 * Browsers open a broken stream again with the same URL: then the secret that the stream itself carried proves that the client
 * is its reader. Both are signatures; the state remembers the tickets that were used.
 * @param options.secrets secrets from which the signing keys are derived: the first signs, all verify
 * @param options.limits counts uses over all processes; in each process by itself while the state is away
 * @param options.now epoch milliseconds
 */
export function createStreamTickets(options: {
  secrets: SigningSecrets;
  auth: Pick<Auth, 'viewerOfSession'>;
  limits: Limits;
  rateLimits: RateLimits;
  securityLog: SecurityLog;
  now?: () => number;
}) {
  const { secrets, auth, limits, securityLog, now = Date.now } = options;
  const ticketKeys = derivedKeys(secrets, 'stream tickets');
  const secretKeys = derivedKeys(secrets, 'secrets of streams');
  const creations = options.rateLimits.shared('stream-tickets', rates.streamTickets);

  return {
    /** Creates a ticket for the viewer's session. @throws RateLimitedError */
    async create({ userId, sessionId, origin }: Viewer): Promise<StreamTicket> {
      await securityLog.watchLimit('createStreamTicket', origin, () => creations.take(userId));
      const at = now();
      const facts = `${sessionId}.${randomBytes(16).toString('base64url')}.${at}`;
      securityLog.write('authn_token_created', { userId, sessionId }, origin);
      return { ticket: `${facts}.${sign(ticketKeys[0], facts)}`, expiresAt: new Date(at + openMs) };
    },

    /**
     * Returns the viewer of a ticket that opens a stream, or opens its stream again.
     * @param secret secret that the stream carried; null to open it for the first time
     * @returns the viewer, and the secret for the stream to carry
     * @throws UnauthenticatedError if the ticket is forged, has expired or was used before, or its session has ended
     */
    async redeem(ticket: string, secret: string | null, origin: Origin): Promise<{ viewer: Viewer; secret: string }> {
      const [, facts = '', signature = ''] = pattern.exec(ticket) ?? [];
      if (!isSigned(ticketKeys, facts, signature)) throw refused();
      if (secret !== null && !isSigned(secretKeys, facts, secret)) throw refused();
      const [sessionId = '', id = '', at] = facts.split('.');
      if (now() >= Number(at) + (secret === null ? openMs : reopenMs)) throw refused();
      const viewer = await auth.viewerOfSession(sessionId);
      if (secret === null) await use(id, viewer, origin);
      return { viewer, secret: sign(secretKeys[0], facts) };
    },
  };

  /** Counts the use of a ticket. The first repetition alone is written to the security log. */
  async function use(id: string, { userId, sessionId }: Viewer, origin: Origin): Promise<void> {
    if ((await limits.take(`stream-ticket:${id}`, once)) === 0) return;
    if ((await limits.take(`stream-ticket-repeated:${id}`, once)) === 0)
      securityLog.write('authn_token_reuse', { userId, sessionId }, origin);
    throw refused();
  }
}

export type StreamTickets = ReturnType<typeof createStreamTickets>;

function sign(key: Uint8Array, facts: string): string {
  return createHmac('sha256', key).update(facts).digest('base64url');
}

function isSigned(keys: readonly Uint8Array[], facts: string, signature: string): boolean {
  const given = Buffer.from(signature);
  return keys.some((key) => {
    const expected = Buffer.from(sign(key, facts));
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

function refused(): UnauthenticatedError {
  const message = 'The ticket is not valid, has expired or was used before: create another one.';
  return withoutTrace(() => new UnauthenticatedError(message));
}
