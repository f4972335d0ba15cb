import { createServer, type ServerOptions as HttpOptions, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { unknownAddress } from '../../address.ts';
import type { Logger } from '../../logger.ts';
import { createAddressCounts } from '../connection-limits.ts';
import { handleClientErrors } from './client-errors.ts';
import type { Exchanges } from './exchanges.ts';
import { type Http2, serveHttp2 } from './http2.ts';
import { refuseSocket } from './refusal.ts';
import { graphqlMethods } from './routes.ts';

/** Milliseconds that a client has to send the header section of a request, from the opening of its connection. */
const headersMs = 10_000;
/** Milliseconds that a client has for the TLS handshake. */
const handshakeMs = 10_000;
/**
 * Milliseconds for which a connection stays open without a request: longer than the 60 s of common balancers, which otherwise send a
 * request on a connection that is just closing.
 */
const keepAliveMs = 65_000;
/** Milliseconds between two searches for connections without a request. */
const makeRoomMs = 1_000;
/** Milliseconds between two searches for connections beyond `headersMs`. */
const checkMs = 2_000;
/** Maximum size of a request's header section, in bytes. */
const maxHeaderBytes = 16_384;

/** Options of `createHttpServer`. */
export interface ServerOptions {
  /** Certificate and private key in PEM, for HTTPS and WSS; null: HTTP. */
  tls: { cert: string; key: string } | null;
  /** Maximum number of TCP connections of this process; above it, new ones are closed, and those that wait for a next request. */
  maxTcpConnections: number;
  /** Maximum number of TCP connections of one address, counted by `createAddressCounts`. */
  maxTcpConnectionsPerAddress: number;
  /** Returns whether a peer is a proxy, whose connections belong to many clients. */
  isProxy(address: string): boolean;
  /** Milliseconds that the peer of a connection by HTTP/2 may take to acknowledge a PING. */
  idleMs: number;
  /** Record of the requests of each connection. */
  exchanges: Exchanges;
  /** Counts refused connections by the name of their bound, for metrics. */
  onRefused(limit: string): void;
  logger: Logger;
}

/** The server, and its connections that are kept open. */
export interface HttpServer {
  server: Server;
  /** Closes the connections that wait for a next request. */
  closeIdle(): void;
  /** Connections by HTTP/2; null without TLS. */
  http2: Http2 | null;
}

/**
 * Creates the HTTP server with its bounds on connections and headers. The time of a body is bounded for each request
 * (`arrival.ts`). With TLS it speaks HTTP/2 as well.
 */
export function createHttpServer(options: ServerOptions, receive: RequestListener): HttpServer {
  const { exchanges, logger } = options;
  const settings = {
    requestTimeout: 0,
    headersTimeout: headersMs,
    keepAliveTimeout: keepAliveMs,
    connectionsCheckingInterval: checkMs,
    maxHeaderSize: maxHeaderBytes,
    // `check-request.ts` refuses it, with a text.
    requireHostHeader: false,
  };
  const { server, http2 } = open(options, settings, receive);
  const closeIdle = () => {
    server.closeIdleConnections();
    http2?.closeIdle();
  };
  if (Number.isFinite(options.maxTcpConnections)) server.maxConnections = options.maxTcpConnections;
  makeRoomWhenFull(server, closeIdle);
  boundAddresses(server, options);
  // Without listeners, Node decides about `Expect` by itself, and closes the connection of CONNECT without a response.
  server.on('checkContinue', receive);
  server.on('checkExpectation', receive);
  server.on('connect', (_request, socket) => {
    socket.on('error', () => socket.destroy());
    const headers = { allow: graphqlMethods.join(', ') };
    const problem = { status: 405, message: 'This server is no proxy.', headers };
    exchanges.afterAll(socket, () => refuseSocket(socket, problem, { logger }));
  });
  handleClientErrors(server, exchanges, logger);
  return { server, closeIdle, http2 };
}

/** Both protocols are offered in the handshake of TLS (ALPN); clients that name none of the two speak HTTP/1.1. */
function open(
  options: ServerOptions,
  settings: HttpOptions,
  receive: RequestListener,
): { server: Server; http2: Http2 | null } {
  if (options.tls === null) return { server: createServer(settings, receive), http2: null };
  const secure = { ...options.tls, handshakeTimeout: handshakeMs, ALPNProtocols: ['h2', 'http/1.1'] };
  const server = createSecureServer({ ...settings, ...secure }, receive);
  const http2 = serveHttp2(server, { ...options, keepAliveMs, maxHeaderBytes }, receive);
  return { server, http2 };
}

/**
 * Closes the connections that wait for a next request once there is no room for another one: its client connects again. All of them
 * are looked through, which a flood may not ask for with every connection.
 */
function makeRoomWhenFull(server: Server, closeIdle: () => void): void {
  let madeAt = Number.NEGATIVE_INFINITY;
  server.on('drop', () => {
    if (performance.now() - madeAt < makeRoomMs) return;
    madeAt = performance.now();
    closeIdle();
  });
}

/** Closes connections above the number of their address. */
function boundAddresses(server: Server, { maxTcpConnectionsPerAddress: bound, isProxy }: ServerOptions): void {
  const counts = createAddressCounts();
  const counted = new WeakSet<Socket>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress = unknownAddress } = socket;
    // A connection whose upgrade was ignored comes a second time.
    if (counted.has(socket) || isProxy(remoteAddress)) return;
    if (!counts.add(remoteAddress, bound)) return void socket.destroy();
    counted.add(socket);
    socket.once('close', () => counts.remove(remoteAddress));
  });
}
