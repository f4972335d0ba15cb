import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import type { GraphQLSchema } from 'graphql';
import type { Domain } from '../../schema/domain.ts';
import { readTrustedProxies } from '../address.ts';
import { type Config, paths } from '../config.ts';
import type { Auth } from '../domain/auth.ts';
import type { CostBudget } from '../domain/cost-budget.ts';
import type { StreamTokens } from '../domain/stream-tokens.ts';
import { createDocuments } from '../gateway/graphql/documents.ts';
import { createGateway, type GatewayOptions } from '../gateway/http/gateway.ts';
import type { createHealth } from '../gateway/http/health.ts';
import type { PersistedQueries } from '../infra/state/state.ts';
import { createAudiences } from '../live/audiences.ts';
import { createBacklogBudget } from '../live/backlog-budget.ts';
import type { LivePointBounds } from '../live/live-points.ts';
import { createOutboxes } from '../live/outbox/outboxes.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { reasonOf, StartError } from '../start-errors.ts';
import { readTrustedDocuments } from './trusted-documents.ts';

/** Window over which the rate of a body is averaged, in milliseconds: mobile networks pause for seconds. */
const bodyWindowMs = 30_000;

/** Choices of the gateway that no setting makes. */
export type GatewayChoices = Pick<GatewayOptions, 'beforeOperation'>;

/** Everything that a gateway is made of besides its settings. */
export interface GatewayParts extends GatewayChoices {
  schema: GraphQLSchema;
  domain: Domain;
  auth: Auth;
  costBudget: CostBudget;
  /** Tokens of event streams, which name this node. */
  streamTokens: StreamTokens;
  health: ReturnType<typeof createHealth>;
  persistedQueries: PersistedQueries;
  /** The origin that clients load pictures from directly; null where this server serves them. */
  pictureOrigin: string | null;
  metrics: Metrics;
  logger: Logger;
}

/**
 * Makes the gateway: HTTP, server-sent events and WebSockets over one port, with live delivery behind them.
 * @param parts parts of the gateway, and options that replace those of the configuration
 */
export async function makeGateway(config: Config, parts: GatewayParts & Partial<GatewayOptions>) {
  const { metrics, persistedQueries, ...replaced } = parts;
  const isTrustedOnly = config.TRUSTED_DOCUMENTS_ONLY === 'on';
  const trusted = await readTrustedDocuments({
    files: config.TRUSTED_DOCUMENTS ?? [],
    clientDir: isTrustedOnly ? paths.client : null,
    ...parts,
  });
  const backlog = createBacklogBudget({
    maxBytes: config.MAX_NODE_BACKLOG_BYTES,
    onDropped: metrics.onBacklogDropped,
  });
  const audiences = createAudiences({
    metrics: metrics.audiences,
    bounds: livePointBounds(config),
    onRefused: metrics.onRefused,
    backlog,
  });
  const outboxes = createOutboxes({
    windowMs: config.FLUSH_WINDOW_MS,
    socketBytes: config.MAX_SOCKET_BUFFER_BYTES,
    nodeBytes: config.MAX_NODE_BUFFER_BYTES,
    onOverflow: metrics.onSlowClose,
  });
  const gateway = createGateway({
    documents: createDocuments({ trusted, isTrustedOnly, persistedQueries }),
    audiences,
    outboxes,
    host: config.HOST,
    port: config.PORT,
    clientDir: paths.client,
    ...connectionBounds(config),
    onRefused: metrics.onRefused,
    sendTimeoutMs: config.SEND_TIMEOUT_MS,
    executionTimeoutMs: config.EXECUTION_TIMEOUT_MS,
    maxSubscriptions: config.MAX_SUBSCRIPTIONS,
    idleMs: config.IDLE_TIMEOUT_MS,
    anonymousIdleMs: config.ANONYMOUS_IDLE_MS,
    minBodyRate: config.MIN_BODY_BYTES_PER_SECOND,
    bodyWindowMs,
    trustProxy: readTrustedProxies(config.TRUST_PROXY) ?? 0,
    allowedOrigins: config.ALLOWED_ORIGINS ?? [],
    publicUrl: config.PUBLIC_URL,
    graphiql: config.GRAPHIQL === 'on',
    drainMs: config.DRAIN_MS,
    introspection: (config.INTROSPECTION ?? (config.NODE_ENV === 'production' ? 'off' : 'on')) === 'on',
    tls: await readTls(config),
    ...replaced,
  });
  metrics.gauge('audiences', 'Groups of subscribers that share an execution.', audiences.size);
  metrics.gauge('backlog_bytes', 'Memory of the pages that resuming clients are being sent.', backlog.bytes);
  metrics.gauge('backlog_waiting', 'Pages of resuming clients that wait for memory.', backlog.waiting);
  metrics.gauge(
    'live_points',
    'Points of all selections of live subscriptions, for one event of each source.',
    audiences.points,
  );
  metrics.gauge('executions_waiting', 'Executions of live subscriptions that wait for their turn.', audiences.waiting);
  metrics.gauge('outbox_bytes', 'Bytes that clients have not read yet.', outboxes.queuedBytes);
  metrics.gauge('connections', 'Open WebSockets.', gateway.connections);
  metrics.gauge(
    'event_streams',
    'Event streams that carry many operations (graphql-sse, single connection mode), reserved ones included.',
    gateway.eventStreams,
  );
  return gateway;
}

/** Returns the bounds on the points of live subscriptions; infinite ones with `RATE_LIMITS=off`. */
function livePointBounds(config: Config): LivePointBounds {
  const bound = boundOf(config);
  return {
    perClientAndSource: bound(config.MAX_LIVE_POINTS_PER_USER_AND_CHANNEL),
    perClient: bound(config.MAX_LIVE_POINTS_PER_USER),
    perSource: bound(config.MAX_LIVE_POINTS_PER_CHANNEL),
    node: bound(config.MAX_LIVE_POINTS),
  };
}

const boundOf = (config: Config) => (value: number) => (config.RATE_LIMITS === 'on' ? value : Number.POSITIVE_INFINITY);

/** Returns the bounds on connections and messages; infinite ones with `RATE_LIMITS=off`. */
function connectionBounds(config: Config) {
  const bound = boundOf(config);
  return {
    maxConnections: bound(config.MAX_CONNECTIONS),
    maxConnectionsPerAddress: bound(config.MAX_CONNECTIONS_PER_ADDRESS),
    maxAnonymousPerAddress: bound(config.MAX_ANONYMOUS_PER_ADDRESS),
    maxConnectionsPerUser: bound(config.MAX_CONNECTIONS_PER_USER),
    maxTcpConnections: bound(config.MAX_TCP_CONNECTIONS),
    maxTcpConnectionsPerAddress: bound(config.MAX_TCP_CONNECTIONS_PER_ADDRESS),
    messagesPerSecond: bound(config.MAX_SOCKET_MESSAGES_PER_SECOND),
  };
}

async function readTls({ TLS_CERT_FILE, TLS_KEY_FILE }: Config): Promise<{ cert: string; key: string } | null> {
  if (!TLS_CERT_FILE || !TLS_KEY_FILE) return null;
  try {
    const [cert, key] = await Promise.all([readFile(TLS_CERT_FILE, 'utf8'), readFile(TLS_KEY_FILE, 'utf8')]);
    // The server would fail in the same way, and not name the files.
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (cause) {
    throw new StartError(
      `TLS_CERT_FILE (${TLS_CERT_FILE}) and TLS_KEY_FILE (${TLS_KEY_FILE}) cannot be used: ${reasonOf(cause)}. They must be readable PEM files of a certificate and its private key.`,
      { cause },
    );
  }
}
