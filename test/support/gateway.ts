import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { createSchema } from 'graphql-yoga';
import { type GatewayParts, makeGateway } from '../../api/compose/gateway.ts';
import { readConfig } from '../../api/config.ts';
import type { Auth, Viewer } from '../../api/domain/auth.ts';
import { createCostBudget } from '../../api/domain/cost-budget.ts';
import { noRateLimits } from '../../api/domain/rate-limits.ts';
import { createStreamTokens } from '../../api/domain/stream-tokens.ts';
import {
  ConflictError,
  ForbiddenError,
  RateLimitedError,
  ResyncRequiredError,
  UnauthenticatedError,
} from '../../api/errors.ts';
import type { GatewayOptions } from '../../api/gateway/http/gateway.ts';
import { createHealth } from '../../api/gateway/http/health.ts';
import { DatabaseUnavailableError, StatementRefusedError } from '../../api/infra/database/database.ts';
import { createMemoryState } from '../../api/infra/state/memory.ts';
import { FeedRestartedError } from '../../api/live/channel-feed.ts';
import type { LiveSource, Positioned } from '../../api/live/live-source.ts';
import { createLiveStream } from '../../api/live/live-stream.ts';
import { generateStream } from '../../api/live/stream.ts';
import { createMetrics } from '../../api/metrics.ts';
import { type Context, requireViewer } from '../../schema/context.ts';
import type { Domain } from '../../schema/domain.ts';
import { createTestLogger } from './logger.ts';
import { patientSettings } from './patience.ts';

/** State of a gateway under test that its clients cannot see. */
export interface Backstage {
  /** Number of subscriptions whose stream has not ended. */
  open: number;
  /** Number of subscriptions that have begun so far. */
  began: number;
  /** Number of values that were pulled from streams. */
  pulled: number;
  /** Whether items of `typing` and `entries` cannot be resolved for the moment. */
  isAway: boolean;
  /** Publishes the next item to subscribers of `typing`, for which it is a signal, and of `entries`. */
  signal(): void;
  /** Number of connections of each user. */
  connected: Map<string, number>;
  logger: ReturnType<typeof createTestLogger>;
  auth: FakeAuth;
}

const config = readConfig({ HOST: '127.0.0.1', PORT: '0', ...patientSettings });

/**
 * Starts a gateway on a free port, over a small schema and only the part of the domain that the gateway itself uses.
 * @param options parts and settings that replace those of the configuration
 */
export async function startGateway(options: Partial<GatewayParts & GatewayOptions> = {}) {
  const signals = createSignals();
  const backstage: Backstage = {
    signal: signals.next,
    isAway: false,
    open: 0,
    began: 0,
    pulled: 0,
    connected: new Map(),
    logger: createTestLogger(),
    auth: createFakeAuth(),
  };
  const gateway = await makeGateway(config, {
    schema: createTestSchema(backstage, signals.source),
    domain: createDomain(backstage),
    auth: backstage.auth,
    health: createHealth({
      ready: {},
      reported: {},
      metrics: async () => ({ type: 'text/plain', text: '' }),
      metricsToken: null,
    }),
    costBudget: createCostBudget({ rateLimits: noRateLimits, pointsPerMinute: 1 }),
    streamTokens: createStreamTokens({ secrets: ['a secret of all gateways under test'], nodeId: randomUUID() }),
    pictureOrigin: null,
    persistedQueries: createMemoryState().persistedQueries,
    metrics: createMetrics(),
    logger: backstage.logger,
    ...options,
  });
  await gateway.start();
  return { backstage, gateway, url: `http://127.0.0.1:${gateway.port()}` };
}

/** Creates the part of the domain that the gateway itself uses. */
function createDomain({ connected }: Backstage): Domain {
  const add = (userId: string, count: number) => connected.set(userId, (connected.get(userId) ?? 0) + count);
  const presence = {
    connected(userId: string) {
      add(userId, 1);
      return () => void add(userId, -1);
    },
  };
  const avatars = { picture: async () => null };
  const uploads = { maxBytes: 1_000_000 };
  return {
    presence,
    avatars,
    uploads,
    accounts: {},
    channels: {},
    messages: {},
    reactions: {},
    receipts: {},
  } as unknown as Domain;
}

/** Authentication without signatures: `signIn` returns the valid tokens. */
export type FakeAuth = Auth & {
  signIn(options?: { ttlMs?: number }): { token: string; viewer: Viewer };
  /** Extends a session, as a refresh does. */
  prolong(viewer: Viewer, ttlMs: number): void;
  revoke(viewer: Viewer): void;
  /** Number of watched sessions. */
  watched(): number;
};

function createFakeAuth(): FakeAuth {
  const viewers = new Map<string, Viewer>();
  const ends = new Map<string, number>();
  const watchers = new Set<{ sessionId: string; listener: () => void }>();

  return {
    signIn({ ttlMs = 60_000 } = {}) {
      const expiresAt = Date.now() + ttlMs;
      const viewer = { userId: randomUUID(), sessionId: randomUUID(), name: 'Ada', createdAt: '', expiresAt };
      const token = randomUUID();
      viewers.set(token, viewer);
      ends.set(viewer.sessionId, expiresAt);
      return { token, viewer };
    },
    prolong: ({ sessionId }, ttlMs) => void ends.set(sessionId, Date.now() + ttlMs),
    revoke({ sessionId }) {
      ends.set(sessionId, 0);
      for (const watcher of watchers) if (watcher.sessionId === sessionId) watcher.listener();
    },
    watched: () => watchers.size,
    async authenticate(token) {
      const viewer = viewers.get(token);
      if (viewer === undefined) throw new UnauthenticatedError('The token is not valid: sign in again.');
      return viewer;
    },
    viewerOfSession: () => Promise.reject(new Error('not used')),
    expiryOf: async (sessionId) => ends.get(sessionId) ?? 0,
    watch({ sessionId }, listener) {
      const watcher = { sessionId, listener };
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    sign: () => Promise.reject(new Error('not used')),
    publishRevocation: async () => {},
    forget: () => {},
    start: async () => {},
    stop: async () => {},
  };
}

/** Creates a source that keeps all its signals in memory. */
function createSignals() {
  const entries: Positioned[] = [];
  const listeners = new Set<() => void>();
  const source: LiveSource<Positioned> = {
    channelId: 'room',
    kind: 'signal',
    last: () => entries.length,
    since: (position) => ({ entries: entries.slice(position), through: entries.length, more: false }),
    read: () => Promise.reject(new Error('all of them are held')),
    version: () => 0,
    current: (items) => items,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const next = () => {
    entries.push({ position: entries.length + 1 });
    for (const listener of listeners) listener();
  };
  return { source, next };
}

const typeDefs = /* GraphQL */ `
  type Query {
    hello(name: String): String!
    viewer: String
    count(value: Int!): Int
    named(input: Named!): String
    conflict: String
    hurried: String
    broken: String
    away: String
    refused: String
    chain: Chain!
    address: String
  }
  type Mutation { touch: Int }
  type Chain { chain: Chain! leaf: String }
  input Named { name: String!, inner: Inner }
  input Inner { count: Int! }
  type Subscription {
    numbers(upTo: Int!): Int!
    forever: Int!
    slow: Int!
    late: Int!
    shaky: Int!
    removed: Int!
    resync: Int!
    restarted: Int!
    interrupted: Int!
    broken: Int!
    flood: String!
    mine: Int!
    typing: Int!
    entries: Int!
  }
`;

function createTestSchema(backstage: Backstage, signals: LiveSource<Positioned>) {
  /** Creates a stream that is counted until it ends. */
  function stream<Item>(source: (signal: AbortSignal) => AsyncGenerator<Item, void>) {
    backstage.open++;
    backstage.began++;
    return generateStream(source, () => void backstage.open--);
  }
  const numbers = (count: number, then: (signal: AbortSignal) => Promise<void> | void = () => {}) =>
    stream(async function* (signal) {
      for (let n = 1; n <= count; n++) yield n;
      await then(signal);
    });
  const fail = (error: Error) => () => {
    throw error;
  };
  const resolve = (value: unknown) => value;
  const live = (source: LiveSource<Positioned>) => ({
    resolve({ position }: Positioned) {
      if (backstage.isAway) throw new DatabaseUnavailableError('away');
      return position;
    },
    subscribe() {
      backstage.open++;
      backstage.began++;
      const reader = { position: source.last(), judge: () => null };
      return createLiveStream(source, reader, () => void backstage.open--);
    },
  });

  return createSchema<Context>({
    typeDefs,
    resolvers: {
      Query: {
        hello: (_root: unknown, { name }: { name?: string }) => `Hello ${name ?? 'world'}`,
        viewer: (_root: unknown, _args: unknown, context: Context) => requireViewer(context).userId,
        count: (_root: unknown, { value }: { value: number }) => value,
        named: (_root: unknown, { input }: { input: { name: string } }) => input.name,
        conflict: fail(new ConflictError('The address is taken.')),
        hurried: fail(new RateLimitedError('Slow down.', 250)),
        broken: fail(new Error('the password is swordfish')),
        away: fail(new DatabaseUnavailableError('connection to 10.0.0.7 refused')),
        refused: fail(new StatementRefusedError('column e.secret does not exist')),
        chain: () => ({}),
        address: (_root: unknown, _args: unknown, { address }: Context) => address,
      },
      Chain: { chain: () => ({}), leaf: () => 'leaf' },
      Mutation: { touch: () => 1 },
      Subscription: {
        numbers: { resolve, subscribe: (_root: unknown, { upTo }: { upTo: number }) => numbers(upTo) },
        forever: { resolve, subscribe: () => numbers(1, aborted) },
        shaky: { resolve: fail(new DatabaseUnavailableError('away')), subscribe: () => numbers(3) },
        slow: { resolve, subscribe: () => setTimeout(200, null).then(() => numbers(1, aborted)) },
        // A machine under load may take long until the next message of a client.
        late: { resolve, subscribe: () => setTimeout(5_000, null, { ref: false }).then(() => numbers(1, aborted)) },
        removed: { resolve, subscribe: () => numbers(1, fail(new ForbiddenError('You are no longer a member.'))) },
        resync: { resolve, subscribe: async () => fail(new ResyncRequiredError('Load the newest page.'))() },
        restarted: { resolve, subscribe: () => numbers(1, fail(new FeedRestartedError('the feed was stopped'))) },
        interrupted: { resolve, subscribe: () => numbers(1, fail(new DatabaseUnavailableError('away'))) },
        broken: { resolve, subscribe: () => numbers(1, fail(new Error('the password is swordfish'))) },
        mine: {
          resolve,
          subscribe: (_root: unknown, _args: unknown, context: Context) =>
            requireViewer(context) && numbers(1, aborted),
        },
        typing: live(signals),
        entries: live({ ...signals, kind: 'entry' }),
        flood: {
          resolve,
          subscribe: () =>
            stream(async function* (signal) {
              while (!signal.aborted) {
                backstage.pulled++;
                yield 'x'.repeat(65_536);
              }
            }),
        },
      },
    },
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
