import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { createAccounts } from '../../api/domain/accounts.ts';
import { type Auth, createAuth, type Viewer } from '../../api/domain/auth.ts';
import { createRateLimits, noRateLimits } from '../../api/domain/rate-limits.ts';
import { createSessions, type SignedIn } from '../../api/domain/sessions.ts';
import type { Origin } from '../../api/domain/sign-in.ts';
import { createUserCache } from '../../api/domain/user-cache.ts';
import { BadUserInputError, type FieldProblem, UnauthenticatedError } from '../../api/errors.ts';
import type { PubSub } from '../../api/infra/pubsub/pubsub.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import type { User } from '../../prisma/generated/client.ts';
import { openDatabase } from './database.ts';
import { createTestLogger } from './logger.ts';
import { createLossyPubSub, type Fate } from './lossy-pubsub.ts';

/** What the tokens of a world are signed with. */
export const secret = 'what the tests sign their tokens with';
export const ttlSeconds = 900;
export const password = 'correct horse';

/** All that accounts run on: one database, a network that can lose signals, and rates that can be forgotten. */
export async function createAccountsWorld() {
  const database = await openDatabase();
  const logger = createTestLogger();
  const network: { fate: Fate } = { fate: 'deliver' };
  const pubsub = createLossyPubSub(() => network.fate);
  const clock = { now: Date.now() };
  const state = { memory: createMemoryState(), isAway: false };
  const nodes: Auth[] = [];

  /** What a node knows of tokens, listening to the others. */
  async function node(options: { pubsub?: PubSub; database?: Parameters<typeof createAuth>[0]['database'] } = {}) {
    const auth = createAuth({ database, pubsub, secret, ttlSeconds, logger, ...options });
    await auth.start();
    nodes.push(auth);
    return auth;
  }

  const auth = await node();
  const limits = {
    async take(key: string, rate: { points: number; windowMs: number }) {
      if (state.isAway) throw new Error('state is away');
      return state.memory.limits.take(key, rate);
    },
  };
  const userCache = createUserCache({ database, pubsub, logger });
  const ownPicture = async () => null;
  const accounts = createAccounts({
    database,
    auth,
    userCache,
    ownPicture,
    rateLimits: createRateLimits({ limits, logger }),
  });

  return {
    database,
    logger,
    network,
    pubsub,
    clock,
    state,
    node,
    auth,
    accounts,
    /** The accounts of a server that limits no rates. */
    unlimited: createAccounts({ database, auth, userCache, ownPicture, rateLimits: noRateLimits }),
    /** Sessions that run on the world's clock, which stands still until it is moved. */
    sessions: createSessions({ database, auth, now: () => clock.now }),
    forgetRates(): void {
      state.memory = createMemoryState();
    },
    /** A user that is in the database, without a session. */
    user: (fields: Partial<User> = {}): Promise<User> =>
      database.prisma.user.create({ data: { id: randomUUID(), name: 'Somebody', createdAt: new Date(), ...fields } }),
    /** Somebody who has just registered with `password`. */
    async registered(name = 'Ada'): Promise<{ email: string; signedIn: SignedIn; viewer: Viewer }> {
      const email = `${randomUUID()}@example.org`;
      const signedIn = await accounts.register(null, { email, password, name, device: 'phone' }, someOrigin());
      return { email, signedIn, viewer: await auth.authenticate(signedIn.token) };
    },
    /** Everything that the database keeps, as text; bytes are in hexadecimal digits. */
    async dump(): Promise<string> {
      const tables = ['users', 'session', 'refresh_token'];
      const rows = tables.map((table) => database.query(`SELECT t::text FROM ${table} t`));
      return JSON.stringify(await Promise.all(rows));
    },
    async stop(): Promise<void> {
      for (const one of nodes) await one.stop();
      await database.stop();
    },
  };
}

export type AccountsWorld = Awaited<ReturnType<typeof createAccountsWorld>>;

/** An origin with an address that nobody else has, for which every rate is unused. */
export const someOrigin = (): Origin => ({ address: randomUUID(), userAgent: '' });

/** What a token says, and by which key; each part is the right one unless given. */
export function forge(claims: Record<string, unknown>, { key = secret, algorithm = 'HS256' } = {}): Promise<string> {
  const seconds = Math.floor(Date.now() / 1_000);
  return new SignJWT({ iss: 'parley', aud: 'parley', iat: seconds, exp: seconds + ttlSeconds, ...claims })
    .setProtectedHeader({ alg: algorithm })
    .sign(new TextEncoder().encode(key));
}

/**
 * The problems that some work is refused for.
 * @throws when it is not refused for bad input
 */
export async function problemsOf(work: Promise<unknown>): Promise<readonly FieldProblem[]> {
  const error = await work.then(
    () => new Error('the input was accepted'),
    (refusal: unknown) => refusal,
  );
  if (error instanceof BadUserInputError) return error.extensions.fields;
  throw error;
}

/** Whether a token is refused; throws whatever else goes wrong. */
export const isRefused = (auth: Auth, token: string): Promise<boolean> =>
  auth.authenticate(token).then(
    () => false,
    (error: unknown) => {
      if (error instanceof UnauthenticatedError) return true;
      throw error;
    },
  );
