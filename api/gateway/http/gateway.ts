import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { GraphQLSchema } from 'graphql';
import type { Domain } from '../../../schema/domain.ts';
import type { TrustedProxies } from '../../address.ts';
import type { Auth } from '../../domain/auth.ts';
import type { CostBudget } from '../../domain/cost-budget.ts';
import type { StreamTokens } from '../../domain/stream-tokens.ts';
import type { Audiences } from '../../live/audiences.ts';
import type { Outboxes } from '../../live/outbox/outboxes.ts';
import type { Logger } from '../../logger.ts';
import { createCallers } from '../auth/caller.ts';
import { createConnectionLimits } from '../connection-limits.ts';
import { createEventStreamRoute } from '../event-stream/event-stream-route.ts';
import { createEventStreams } from '../event-stream/event-streams.ts';
import type { BeforeOperation } from '../graphql/cost.ts';
import type { Documents } from '../graphql/documents.ts';
import { hasUnavailable } from '../graphql/errors.ts';
import { createGraphQL } from '../graphql/graphql.ts';
import { createStreams } from '../graphql/http-streams.ts';
import { createTimeLimit } from '../graphql/time-limit.ts';
import { isMultipart } from '../multipart/multipart.ts';
import { createProtocol } from '../websocket/protocol.ts';
import { createWebSockets } from '../websocket/websocket.ts';
import { disconnectSlow } from './arrival.ts';
import { checkRequest, pathOf } from './check-request.ts';
import { sendContinue } from './continue.ts';
import { permitReading } from './cors.ts';
import { createExchanges } from './exchanges.ts';
import { createFindRoute, type Routed } from './find-route.ts';
import { createGraphiQLPages } from './graphiql-pages.ts';
import { createGraphQLRoute } from './graphql-route.ts';
import type { createHealth } from './health.ts';
import { disconnectStalled } from './idle.ts';
import { createListener } from './listener.ts';
import { createOrigins } from './origins.ts';
import { refusal, refuse } from './refusal.ts';
import { readRequestId } from './request-id.ts';
import { logRequest } from './request-log.ts';
import { checkMethod, permittedOrigin, sendOptions } from './routes.ts';
import { createSecurityHeaders } from './security-headers.ts';
import { createHttpServer } from './server.ts';
import { handleUpgrades } from './upgrades.ts';

/** Parts and settings of a gateway. */
export interface GatewayOptions {
  host: string;
  /** Port to listen on; 0 picks a free one. */
  port: number;
  schema: GraphQLSchema;
  domain: Domain;
  auth: Auth;
  costBudget: CostBudget;
  /** Runs before each operation. */
  beforeOperation?: BeforeOperation | undefined;
  /** Documents that clients may name by a hash or an id, or to which they are restricted. */
  documents: Documents;
  audiences: Audiences;
  /** Tokens of event streams, which name this node. */
  streamTokens: StreamTokens;
  outboxes: Outboxes;
  /** Directory of the built web client. */
  clientDir: string;
  /** Origin from which the web client also loads pictures; null: only from this server. */
  pictureOrigin: string | null;
  /** Maximum number of WebSockets and streams over HTTP, together. */
  maxConnections: number;
  /** Maximum number of them from one address. */
  maxConnectionsPerAddress: number;
  /** Maximum number of them from one address, of clients without a token. */
  maxAnonymousPerAddress: number;
  /** Maximum number of them of one user. */
  maxConnectionsPerUser: number;
  /** Maximum number of TCP connections. */
  maxTcpConnections: number;
  /** Maximum number of TCP connections from one address. */
  maxTcpConnectionsPerAddress: number;
  /** Messages per second that a WebSocket may send in the long run. */
  messagesPerSecond: number;
  /** Milliseconds after which a WebSocket without a token and without operations is closed. */
  anonymousIdleMs: number;
  /** Minimum rate at which the body of a request must arrive, in bytes per second. */
  minBodyRate: number;
  /** Window over which that rate is averaged, in milliseconds. */
  bodyWindowMs: number;
  /** Milliseconds that a mutation may take from the arrival of its request. */
  sendTimeoutMs: number;
  /** Milliseconds that any other operation may take from then on, and the execution of an event. */
  executionTimeoutMs: number;
  /** Maximum number of concurrent operations on one WebSocket. */
  maxSubscriptions: number;
  /** Milliseconds that a client may stall while it sends a request or reads a response. */
  idleMs: number;
  /** Proxies whose `X-Forwarded-For` is believed. */
  trustProxy: TrustedProxies;
  /** Origins besides the server's own whose pages may use the API; `*`: all. */
  allowedOrigins: readonly string[];
  /** URL at which clients reach this server, if it is set. */
  publicUrl: string | undefined;
  /** Whether a browser that opens `/graphql` gets GraphiQL. */
  graphiql: boolean;
  /** Routes of the probes, by path. */
  health: ReturnType<typeof createHealth>;
  /** Milliseconds for which `/health` fails before the port closes, so that a load balancer notices. */
  drainMs: number;
  /** Whether clients may query the schema, and read it at `/schema.graphql`. */
  introspection: boolean;
  /** Certificate and private key in PEM, for HTTPS and WSS; null: HTTP. */
  tls: { cert: string; key: string } | null;
  /** Counts refused connections by the name of their bound, for metrics. */
  onRefused(limit: string): void;
  logger: Logger;
}

/** Length of the accept queue, as far as the kernel allows: all clients may reconnect at once. */
const backlog = 65_535;
/** Milliseconds that requests may take to finish once the gateway is stopping. */
const finishMs = 5_000;
/** Milliseconds that a client may go on sending its request after the response has ended. */
const lingerMs = 1_000;
/** Milliseconds that the body of a request without files may take to arrive. */
const smallBodyMs = 60_000;

/** Creates the gateway: GraphQL, files, avatars, the web client and the probes on one port. */
export function createGateway(options: GatewayOptions) {
  const { domain, health, logger } = options;
  const callers = createCallers({ trusted: options.trustProxy, logger });
  const isAllowedOrigin = createOrigins({ allowed: options.allowedOrigins, publicUrl: options.publicUrl });
  const bounds = {
    node: options.maxConnections,
    perAddress: options.maxConnectionsPerAddress,
    perAddressAnonymous: options.maxAnonymousPerAddress,
    perUser: options.maxConnectionsPerUser,
  };
  const limits = createConnectionLimits(bounds, options.onRefused);
  const streams = createStreams({ ...options, limits });
  const { limitTime, waitInTime } = createTimeLimit({
    mutationMs: options.sendTimeoutMs,
    otherMs: options.executionTimeoutMs,
  });
  const graphql = createGraphQL({ ...options, streams, limitTime, waitInTime });
  const protocol = createProtocol({ ...options, graphql, limitTime, waitInTime });
  const sockets = createWebSockets({ ...options, protocol, limits });
  const eventStreams = createEventStreams({ ...options, protocol, tokens: options.streamTokens, limits });
  const graphiqlPages = createGraphiQLPages(options.graphiql);
  const handleGraphQL = createGraphQLRoute({
    ...options,
    pages: graphiqlPages,
    graphql,
    eventStreams: createEventStreamRoute({ ...options, streams: eventStreams, callers, waitInTime }),
    callers,
    isAllowedOrigin,
    maxFileBytes: domain.uploads.maxBytes,
  });
  const findRoute = createFindRoute({ ...options, handleGraphQL, graphiqlPages, callers, isAllowedOrigin, waitInTime });
  const isSecure = options.tls !== null || options.publicUrl?.startsWith('https:') === true;
  const setSecurityHeaders = createSecurityHeaders({ isSecure });
  const exchanges = createExchanges();
  const { server, closeIdle, http2 } = createHttpServer({ ...options, isProxy: callers.isProxy, exchanges }, receive);
  handleUpgrades(server, { callers, exchanges, isAllowedOrigin, open: sockets.upgrade, logger });
  const listener = createListener(server, { host: options.host, port: options.port, backlog });
  let stopping = false;

  function receive(request: IncomingMessage, response: ServerResponse): void {
    const requestId = readRequestId(request);
    const forget = exchanges.add(request, response);
    setSecurityHeaders(request, response);
    response.setHeader('x-request-id', requestId);
    // A client with a keep-alive connection would send its next request over it, or delay the stop.
    if (stopping) response.setHeader('connection', 'close');
    response.once('close', () => {
      forget();
      if (!server.listening) closeIdle();
    });
    discardRestOfRequest(request, response);
    disconnectStalled(request, response, options.idleMs);
    disconnectSlow(request, response, {
      bytesPerSecond: options.minBodyRate,
      windowMs: options.bodyWindowMs,
      totalMs: isMultipart(request) ? Number.POSITIVE_INFINITY : smallBodyMs,
    });
    const problem = checkRequest(request);
    const path = pathOf(request);
    const facts = logRequest(logger, { request, response, requestId, path });
    if (problem) refusal(response, problem);
    else
      route(request, response, { path, requestId, facts }).catch((error: unknown) => fail(response, error, requestId));
  }

  async function route(request: IncomingMessage, response: ServerResponse, routed: Routed): Promise<void> {
    const found = findRoute(routed.path);
    if (found.permits) permitReading(response, permittedOrigin(request, found.permits));
    const problem = checkMethod(request, found);
    if (problem) return refusal(response, problem);
    if (request.method === 'OPTIONS') return sendOptions(request, response, found);
    sendContinue(request, response);
    return found.handle(request, response, routed);
  }

  function fail(response: ServerResponse, error: unknown, requestId: string): void {
    const isTemporary = hasUnavailable([error]);
    if (!isTemporary) logger.error({ error, requestId }, 'a request failed');
    if (response.headersSent) response.destroy();
    else if (isTemporary)
      refuse(response, { status: 503, message: 'Unavailable: try again.', headers: { 'retry-after': '1' } });
    else refuse(response, { status: 500, message: `Something went wrong. Request id: ${requestId}` });
  }

  return {
    /** Number of open WebSockets. */
    connections: sockets.size,
    /** Number of event streams that carry many operations, reserved ones included. */
    eventStreams: eventStreams.size,
    /** Lists the open WebSockets and streams over HTTP. */
    openConnections: () => [...sockets.list(), ...eventStreams.list(), ...streams.list()],
    /** The port that it listens on, once started. */
    port: listener.port,
    /** Resolves once it listens. @throws StartError when it cannot listen at its address */
    async start(): Promise<void> {
      sockets.start();
      eventStreams.start();
      await listener.start();
    },
    drainMs: options.drainMs,
    /**
     * Fails `/health` for `drainMs`, then closes the port, drops streams, closes sockets with 1012 and lets requests finish.
     * Resolves once everything is closed.
     */
    async stop(): Promise<void> {
      stopping = true;
      http2?.finishEach();
      health.stop();
      // Nobody connects to a gateway that could not start.
      if (server.listening) await delay(options.drainMs);
      const closed = listener.close();
      http2?.finish();
      streams.stop();
      await Promise.all([sockets.stop(), eventStreams.stop()]);
      closeIdle();
      const late = setTimeout(listener.disconnectAll, finishMs);
      await closed;
      clearTimeout(late);
      await graphql.dispose();
    },
  };
}

/**
 * Discards the rest of a request whose response ended first, so that the client can read the response. A client that goes on
 * sending is disconnected. The body of a method that has none would wait in memory for as long as the response takes, and is
 * discarded as it arrives.
 */
function discardRestOfRequest(request: IncomingMessage, response: ServerResponse): void {
  // `request.socket` is gone once the socket is closed.
  const { socket } = request;
  if (request.method !== 'POST') request.resume();
  const disconnect = () => request.complete || socket.destroy();
  response.once('finish', () => {
    if (request.complete) return;
    request.unpipe();
    request.resume();
    setTimeout(disconnect, lingerMs).unref();
  });
}
