import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Socket } from 'node:net';
import { unknownAddress } from '../../address.ts';
import { createAddressCounts } from '../connection-limits.ts';
import { disconnectSoon } from './disconnect.ts';
import { refusal } from './refusal.ts';

/** Milliseconds that a client has to send the header section of a request, from the opening of its connection. */
const headersMs = 10_000;
/** Milliseconds that a client has for the TLS handshake. */
const handshakeMs = 10_000;
/** Milliseconds between two searches for connections beyond `headersMs`. */
const checkMs = 2_000;
/** Maximum size of a request's header section, in bytes. */
const maxHeaderBytes = 16_384;

/** Options of `createHttpServer`. */
export interface ServerOptions {
  /** Certificate and private key in PEM, for HTTPS and WSS; null: HTTP. */
  tls: { cert: string; key: string } | null;
  /** Maximum number of TCP connections of this process; above it, new ones are closed. */
  maxTcpConnections: number;
  /** Maximum number of TCP connections of one address, counted by `createAddressCounts`. */
  maxTcpConnectionsPerAddress: number;
  /** Returns whether a peer is a proxy, whose connections belong to many clients. */
  isProxy(address: string): boolean;
}

/**
 * Creates the HTTP server with its bounds on connections and headers. The time of a body is bounded for each request
 * (`arrival.ts`).
 */
export function createHttpServer(options: ServerOptions, receive: RequestListener): Server {
  const settings = {
    requestTimeout: 0,
    headersTimeout: headersMs,
    connectionsCheckingInterval: checkMs,
    maxHeaderSize: maxHeaderBytes,
  };
  const server: Server =
    options.tls === null
      ? createServer(settings, receive)
      : createSecureServer({ ...options.tls, ...settings, handshakeTimeout: handshakeMs }, receive);
  if (Number.isFinite(options.maxTcpConnections)) server.maxConnections = options.maxTcpConnections;
  boundAddresses(server, options);
  // Node closes the connection of an `Expect` that it does not know, and of CONNECT, without our headers or a response.
  server.on('checkExpectation', (_request, response) => refusal(response, { status: 417, message: 'Unknown Expect.' }));
  server.on('connect', (_request, socket) => {
    socket.on('error', () => socket.destroy());
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST, OPTIONS\r\nConnection: close\r\n\r\n');
    disconnectSoon(socket);
  });
  return server;
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
