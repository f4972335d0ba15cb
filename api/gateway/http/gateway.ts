import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { GraphQLSchema } from 'graphql';
import type { Domain } from '../../../schema/domain.ts';
import type { Auth } from '../../domain/auth.ts';
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
import { cutOffIdle, longestRequestMs } from './idle.ts';
import { readRequestId } from './request-id.ts';
import { createStatic } from './static.ts';

/** What the gateway is made of. */
export interface GatewayOptions {
  host: string;
  /** 0: any that is free. */
  port: number;
  schema: GraphQLSchema;
  domain: Domain;
  auth: Auth;
  audiences: Audiences;
  outboxes: Outboxes;
  /** The built web client. */
  clientDir: string;
  /** Where else than from here its pictures come; null: nowhere. */
  pictureOrigin: string | null;
  maxConnections: number;
  maxSubscriptions: number;
  /** How long a client may be silent in the middle of its request, or not read its answer, in milliseconds. */
  idleMs: number;
  trustProxy: boolean;
  /** The probes. */
  health: ReturnType<typeof createHealth>;
  /** How long it says that it stops before it does, so that a balancer hears of it; in milliseconds. */
  drainMs: number;
  /** For HTTPS and WSS: a certificate and its key, as PEM. */
  tls: { cert: string; key: string } | null;
  logger: Logger;
}

/** How many connections may wait to be taken when all clients come back at once, as far as the kernel allows. */
const backlog = 65_535;
/** How long requests may take to finish once the gateway is stopping, in milliseconds. */
const finishMs = 5_000;
const asText = { 'content-type': 'text/plain', 'cache-control': 'no-store' };
/** How long a client that was answered in the middle of its request may go on sending, in milliseconds. */
const lingerMs = 1_000;

/** All that clients reach, on one port: GraphQL, files, pictures, the web client, probes. */
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
    // Who keeps a line would go on to use it, or have it waited for.
    if (stopping) response.setHeader('connection', 'close');
    response.once('close', () => server.listening || server.closeIdleConnections());
    endWithAnswer(request, response);
    cutOffIdle(request, response, options.idleMs);
    answer(request, response, requestId).catch((error: unknown) => fail(response, error, requestId));
  }

  async function answer(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    const path = pathOf(request);
    if (path === '/graphql') return answerGraphQL(request, response, requestId);
    if (path.startsWith('/avatars/')) return avatars(request, response);
    if (path.startsWith('/files/')) return files(request, response);
    return (health.routes[path] ?? client)(request, response);
  }

  async function answerGraphQL(request: IncomingMessage, response: ServerResponse, requestId: string): Promise<void> {
    if (request.method === 'GET' && wantsPage(request)) {
      graphiql ??= createGraphiQL();
      const { headers, body } = await graphiql;
      response.writeHead(200, headers).end(body);
      return;
    }
    const caller = readCaller(request, trustProxy);
    const context = { req: request, res: response, caller, requestId };
    if (isMultipart(request)) await answerMultipart(context);
    else await graphql.handle(request, response, { ...context, multipart: null });
  }

  /** The request's body is read by `multipart.ts`, and by nobody else: Yoga gets one without. */
  async function answerMultipart(context: Omit<RequestContext, 'multipart'>): Promise<void> {
    const { req, res } = context;
    const multipart = readMultipart(req, res, domain.uploads.maxBytes);
    // It may fail before it is waited for.
    multipart.catch(() => {});
    const headers = { ...headersWithoutBody(req), 'content-type': 'application/json' };
    const stated = { method: 'POST', headers, body: '{}' };
    const answer = await graphql.fetch('http://localhost/graphql', stated, { ...context, multipart });
    res.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
  }

  function fail(response: ServerResponse, error: unknown, requestId: string): void {
    const passes = isUnavailable(error);
    if (!passes) logger.error({ error, requestId }, 'a request failed');
    if (response.headersSent) response.destroy();
    else if (passes) response.writeHead(503, { ...asText, 'retry-after': '1' }).end('Not just now: try again.\n');
    else response.writeHead(500, asText).end(`Something went wrong. Request id: ${requestId}\n`);
  }

  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (pathOf(request) === '/graphql') sockets.upgrade(request, socket, head, readCaller(request, trustProxy));
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n', () => socket.destroy());
  });

  return {
    /** How many sockets are open. */
    connections: sockets.size,
    /** Where it listens, once it has started. */
    port: () => (server.address() as AddressInfo).port,
    /** Listens. */
    async start(): Promise<void> {
      sockets.start();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen({ port: options.port, host: options.host, backlog }, resolve);
      });
    },
    /** Says so for a while; then refuses what is new, drops streams, ends sockets with 1012, lets requests finish, and closes. */
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
 * A request may be answered before its end. What is on its way still is thrown away, so that the client reads its answer in
 * peace; whoever goes on sending is cut off.
 */
function endWithAnswer(request: IncomingMessage, response: ServerResponse): void {
  // The request forgets its socket once that has gone.
  const { socket } = request;
  const cutOff = () => request.complete || socket.destroy();
  response.once('finish', () => {
    if (request.complete) return;
    request.unpipe();
    request.resume();
    setTimeout(cutOff, lingerMs).unref();
  });
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

function wantsPage(request: IncomingMessage): boolean {
  return (request.headers.accept ?? '').includes('text/html') && !(request.url ?? '').includes('query=');
}
