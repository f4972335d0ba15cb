import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { type Auth, createAuth, type Viewer } from '../../api/domain/auth.ts';
import type { Origin } from '../../api/domain/origin.ts';
import { noSecurityLog } from '../../api/domain/security-log.ts';
import { createSessions, type SignedIn } from '../../api/domain/sessions.ts';
import { BadUserInputError, type FieldProblem, UnauthenticatedError } from '../../api/errors.ts';
import type { Mail, MailPort } from '../../api/infra/mail/mail.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import { withKey } from '../../api/text/comparison-key.ts';
import type { User } from '../../prisma/generated/client.ts';
import { type DatabaseKind, openDatabase } from './database.ts';
import { openTestDomain } from './domain.ts';
import { createTestLogger } from './logger.ts';
import { createLossyPubSub, type Fate } from './lossy-pubsub.ts';
import { createTestUserSignals } from './signals.ts';

/** Secret that signs the tokens of tests. */
export const secret = 'the secret that signs the tokens of tests';
export const ttlSeconds = 900;
export const password = 'correct horse';
/** Bounds of the sessions that use the clock of the test. */
export const sessionBounds = { ttlMs: 30 * 86_400_000, perUser: 105 };

/** Milliseconds between two verifications of the watched sessions of a node. */
export const verifyMs = 10_000;

/** Creates the surroundings of accounts: a database, a network that can lose signals, and rate limits that can be reset. */
export async function createAccountsWorld(kind?: DatabaseKind) {
  const database = await openDatabase(kind);
  const logger = createTestLogger();
  const network: { fate: Fate } = { fate: 'deliver' };
  const pubsub = createLossyPubSub(() => network.fate);
  const clock = { now: Date.now() };
  const state = { memory: createMemoryState(), isAway: false };
  const mails: Mail[] = [];
  const mail: MailPort = { send: async (sent) => void mails.push(sent), stop: () => {} };
  const nodes: Auth[] = [];
  const stops: (() => Promise<void>)[] = [];

  /** Creates the authentication of a node, which listens to signals of the others. */
  async function node(options: { pubsub?: PubSub; database?: Parameters<typeof createAuth>[0]['database'] } = {}) {
    const userSignals = createTestUserSignals(options.pubsub ?? pubsub, { everyMs: verifyMs, logger });
    await userSignals.start();
    const auth = createAuth({ database, pubsub, userSignals, secrets: [secret], ttlSeconds, logger, ...options });
    auth.start();
    stops.push(userSignals.stop);
    nodes.push(auth);
    return auth;
  }

  const limits = {
    async take(key: string, rate: { points: number; windowMs: number }, points?: number) {
      if (state.isAway) throw new Error('state is away');
      return state.memory.limits.take(key, rate, points);
    },
  };
  const ports = { database, pubsub, mail, state: { ...createMemoryState(), limits } };
  const environment = { JWT_SECRET: secret, TOKEN_TTL_SECONDS: `${ttlSeconds}` };
  const limited = await openTestDomain({ ports, environment, logger });
  const unlimited = await openTestDomain({ ports, environment: { ...environment, RATE_LIMITS: 'off' }, logger });
  const { auth } = limited;
  const { accounts } = limited.domain;

  return {
    database,
    logger,
    network,
    pubsub,
    /** Mails that were sent. */
    mails,
    clock,
    state,
    node,
    auth,
    accounts,
    /** Accounts of a server without rate limits. */
    unlimited: unlimited.domain.accounts,
    /** Sessions on the clock of the test, which only moves when the test moves it. */
    sessions: createSessions({
      database,
      auth,
      bounds: sessionBounds,
      securityLog: noSecurityLog,
      now: () => clock.now,
    }),
    forgetRates(): void {
      state.memory = createMemoryState();
    },
    /** Creates a user without a session in the database. */
    user: (fields: Partial<User> = {}): Promise<User> =>
      database.prisma.user.create({
        data: { id: randomUUID(), createdAt: new Date(), ...withKey(fields.name ?? 'Somebody'), ...fields },
      }),
    /** Registers a user with `password`. */
    async registered(name = 'Ada'): Promise<{ email: string; signedIn: SignedIn; viewer: Viewer }> {
      const email = `${randomUUID()}@example.org`;
      const signedIn = await accounts.register(null, { email, password, name, device: 'phone' }, someOrigin());
      return { email, signedIn, viewer: await auth.authenticate(signedIn.token) };
    },
    /** Returns all rows of users and sessions as text, with bytes in hexadecimal digits. */
    async dump(): Promise<string> {
      const tables = ['users', 'session', 'refresh_token', 'password_reset'];
      const rows = tables.map((table) => database.query(`SELECT t::text FROM ${table} t`));
      return JSON.stringify(await Promise.all(rows));
    },
    async stop(): Promise<void> {
      for (const part of [...nodes, limited, unlimited]) await part.stop();
      for (const stop of stops) await stop();
      await database.stop();
    },
  };
}

export type AccountsWorld = Awaited<ReturnType<typeof createAccountsWorld>>;

/** Creates an origin with a new address, whose rate limits are unused. */
export const someOrigin = (): Origin => ({ address: randomUUID(), userAgent: '', requestId: randomUUID() });

/** Signs a token with given claims, key, algorithm and key id. Omitted parts are valid; without an id none is named. */
export function forge(
  claims: Record<string, unknown>,
  { key = secret, algorithm = 'HS256', kid }: { key?: string; algorithm?: string; kid?: string | undefined } = {},
): Promise<string> {
  const seconds = Math.floor(Date.now() / 1_000);
  return new SignJWT({ iss: 'parley', aud: 'parley', iat: seconds, exp: seconds + ttlSeconds, ...claims })
    .setProtectedHeader({ alg: algorithm, ...(kid === undefined ? {} : { kid }) })
    .sign(new TextEncoder().encode(key));
}

/**
 * Returns the problems for which some work is rejected.
 * @throws Error if it is not rejected for invalid input
 */
export async function problemsOf(work: Promise<unknown>): Promise<readonly FieldProblem[]> {
  const error = await work.then(
    () => new Error('the input was accepted'),
    (refusal: unknown) => refusal,
  );
  if (error instanceof BadUserInputError) return error.extensions.fields;
  throw error;
}

/** Whether a token is rejected as unauthenticated; throws any other error. */
export const isRefused = (auth: Auth, token: string): Promise<boolean> =>
  auth.authenticate(token).then(
    () => false,
    (error: unknown) => {
      if (error instanceof UnauthenticatedError) return true;
      throw error;
    },
  );
