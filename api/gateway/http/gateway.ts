import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { GraphQLSchema } from 'graphql';
import type { Domain } from '../../../schema/domain.ts';
import type { Auth } from '../../domain/auth.ts';
import type { CostBudget } from '../../domain/cost-budget.ts';
import type { Audiences } from '../../live/audiences.ts';
import type { Outboxes } from '../../live/outbox/outboxes.ts';
import type { Logger } from '../../logger.ts';
import { readCaller } from '../auth/caller.ts';
import { isUnavailable } from '../graphql/errors.ts';
import { createGraphiQL } from '../graphql/graphiql.ts';
import { createGraphQL } from '../graphql/graphql.ts';
import { createStreams } from '../graphql/http-streams.ts';
import type { RequestContext } from '../graphql/server-context.ts';
import { headersWithoutBody, isMultipart, maxMultipartBytes, readMultipart } from '../multipart/multipart.ts';
import { createWebSockets } from '../websocket/websocket.ts';
import { createAvatarHandler } from './avatars.ts';
import { createFileHandler } from './files.ts';
import type { createHealth } from './health.ts';
import { disconnectStalled, longestRequestMs } from './idle.ts';
import { readRequestId } from './request-id.ts';
import { logRequest, type RequestFacts } from './request-log.ts';
import { createStatic } from './static.ts';

/** Parts and settings of a gateway. */
export interface GatewayOptions {
  host: string;
  /** Port to listen on; 0 picks a free one. */
  port: number;
  schema: GraphQLSchema;
  domain: Domain;
  auth: Auth;
  costBudget: CostBudget;
  audiences: Audiences;
  outboxes: Outboxes;
  /** Directory of the built web client. */
  clientDir: string;
  /** Origin from which the web client also loads pictures; null: only from this server. */
  pictureOrigin: string | null;
  /** Maximum number of WebSockets, and of streams over HTTP. */
  maxConnections: number;
  /** Maximum number of concurrent operations on one WebSocket. */
  maxSubscriptions: number;
  /** Milliseconds that a client may stall while it sends a request or reads a response. */
  idleMs: number;
  /** Whether the last address of `X-Forwarded-For` is the client's. */
  trustProxy: boolean;
  /** Routes of the probes, by path. */
  health: ReturnType<typeof createHealth>;
  /** Milliseconds for which `/health` fails before the port closes, so that a load balancer notices. */
  drainMs: number;
  /** Whether clients may query the schema. */
  introspection: boolean;
  /** Certificate and private key in PEM, for HTTPS and WSS; null: HTTP. */
  tls: { cert: string; key: string } | null;
  logger: Logger;
}

/** Length of the accept queue, as far as the kernel allows: all clients may reconnect at once. */
const backlog = 65_535;
/** Milliseconds that requests may take to finish once the gateway is stopping. */
const finishMs = 5_000;
const asText = { 'content-type': 'text/plain', 'cache-control': 'no-store' };
/** Milliseconds that a client may go on sending its request after the response has ended. */
const lingerMs = 1_000;

/** A request on its way to a handler. */
interface Routed {
  path: string;
  requestId: string;
  facts: RequestFacts;
}

/** Creates the gateway: GraphQL, files, avatars, the web client and the probes on one port. */
export function createGateway(options: GatewayOptions) {
  const { domain, trustProxy, health, logger } = options;
  const streams = createStreams(options);
  const graphql = createGraphQL({ ...options, streams });
  const sockets = createWebSockets({ ...options, graphql });
  const avatars = createAvatarHandler(domain.avatars);
  const files = createFileHandler(domain.uploads);
  const client = createStatic(options.clientDir, options.pictureOrigin);
  const requestTimeout = longestRequestMs(maxMultipartBytes(domain.uploads.maxBytes));
  const server =
    options.tls === null
      ? createServer({ requestTimeout }, receive)
      : createSecureServer({ ...options.tls, requestTimeout }, receive);
  let graphiql: ReturnType<typeof createGraphiQL> | undefined;
  let stopping = false;

  function receive(request: IncomingMessage, response: ServerResponse): void {
    const requestId = readRequestId(request);
    response.setHeader('x-request-id', requestId);
    // A client with a keep-alive connection would send its next request over it, or delay the stop.
    if (stopping) response.setHeader('connection', 'close');
    response.once('close', () => server.listening || server.closeIdleConnections());
    discardRestOfRequest(request, response);
    disconnectStalled(request, response, options.idleMs);
    const path = pathOf(request);
    const facts = logRequest(logger, { request, response, requestId, path });
    route(request, response, { path, requestId, facts }).catch((error: unknown) => fail(response, error, requestId));
  }

  async function route(request: IncomingMessage, response: ServerResponse, routed: Routed): Promise<void> {
    const { path } = routed;
    if (path === '/graphql') return handleGraphQL(request, response, routed);
    if (path.startsWith('/avatars/')) return avatars(request, response);
    if (path.startsWith('/files/')) return files(request, response);
    return (health.routes[path] ?? client)(request, response);
  }

  async function handleGraphQL(request: IncomingMessage, response: ServerResponse, routed: Routed): Promise<void> {
    if (request.method === 'GET' && wantsPage(request)) {
      graphiql ??= createGraphiQL();
      const { headers, body } = await graphiql;
      response.writeHead(200, headers).end(body);
      return;
    }
    const caller = readCaller(request, trustProxy);
    const { requestId, facts } = routed;
    const context = { req: request, res: response, caller, requestId, facts };
    if (isMultipart(request)) await handleMultipart(context);
    else await graphql.handle(request, response, { ...context, multipart: null });
  }

  /** `multipart.ts` alone reads the request's body: Yoga gets a request without one. */
  async function handleMultipart(context: Omit<RequestContext, 'multipart'>): Promise<void> {
    const { req, res } = context;
    const multipart = readMultipart(req, res, domain.uploads.maxBytes);
    // It may reject before Yoga awaits it.
    multipart.catch(() => {});
    const headers = { ...headersWithoutBody(req), 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: '{}' };
    const response = await graphql.fetch('http://localhost/graphql', init, { ...context, multipart });
    res.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text());
  }

  function fail(response: ServerResponse, error: unknown, requestId: string): void {
    const isTemporary = isUnavailable(error);
    if (!isTemporary) logger.error({ error, requestId }, 'a request failed');
    if (response.headersSent) response.destroy();
    else if (isTemporary) response.writeHead(503, { ...asText, 'retry-after': '1' }).end('Unavailable: try again.\n');
    else response.writeHead(500, asText).end(`Something went wrong. Request id: ${requestId}\n`);
  }

  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (pathOf(request) === '/graphql') sockets.upgrade(request, socket, head, readCaller(request, trustProxy));
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n', () => socket.destroy());
  });

  return {
    /** Number of open WebSockets. */
    connections: sockets.size,
    /** The port that it listens on, once started. */
    port: () => (server.address() as AddressInfo).port,
    /** Resolves once it listens. */
    async start(): Promise<void> {
      sockets.start();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port: options.port, host: options.host, backlog }, resolve);
      });
    },
    /**
     * Fails `/health` for `drainMs`, then closes the port, drops streams, closes sockets with 1012 and lets requests finish.
     * Resolves once everything is closed.
     */
    async stop(): Promise<void> {
      stopping = true;
      health.stop();
      await delay(options.drainMs);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      streams.stop();
      await sockets.stop();
      server.closeIdleConnections();
      const late = setTimeout(() => server.closeAllConnections(), finishMs);
      await closed;
      clearTimeout(late);
      await graphql.dispose();
    },
  };
}

/**
 * Discards the rest of a request whose response ended first, so that the client can read the response. A client that goes on
 * sending is disconnected.
 */
function discardRestOfRequest(request: IncomingMessage, response: ServerResponse): void {
  // `request.socket` is gone once the socket is closed.
  const { socket } = request;
  const disconnect = () => request.complete || socket.destroy();
  response.once('finish', () => {
    if (request.complete) return;
    request.unpipe();
    request.resume();
    setTimeout(disconnect, lingerMs).unref();
  });
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

function wantsPage(request: IncomingMessage): boolean {
  return (request.headers.accept ?? '').includes('text/html') && !(request.url ?? '').includes('query=');
}
