import type { RequestListener } from 'node:http';
import {
  constants,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Server as SecureServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { unknownAddress } from '../../address.ts';
import { disconnectSoon } from './disconnect.ts';
import { translateExchange } from './http2-exchange.ts';
import { boundFrames, closeSilent, createPlaces, type Http2Bounds } from './http2-limits.ts';
import { graphqlMethods } from './routes.ts';

/** Maximum number of concurrent requests and streams of one connection; browsers expect about a hundred. */
const maxStreams = 100;
/** Maximum number of header fields, pseudo-headers included; beyond it Node resets the stream. `check-request.ts` refuses less, with a text. */
const maxHeaderPairs = 200;
/** Bytes of a request's body that may be on their way, and those of all requests of a connection: uploads that wait leave others room. */
const streamWindowBytes = 262_144;
const connectionWindowBytes = 1_048_576;
/** Maximum memory of one connection for frames and headers, in megabytes. */
const maxSessionMegabytes = 10;
/** Maximum number of invalid frames, and of streams above `maxStreams`, that a connection may send in all. */
const maxFaults = 100;

/** Options of `serveHttp2`. */
export interface Http2Options extends Http2Bounds {
  /** Milliseconds for which a connection stays open without a stream. */
  keepAliveMs: number;
  /** Milliseconds that a peer may take to acknowledge a PING. */
  idleMs: number;
  /** Maximum size of a request's header section, in bytes. */
  maxHeaderBytes: number;
}

/** Connections by HTTP/2 of a server. */
export interface Http2 {
  /** Closes the connections without streams. */
  closeIdle(): void;
  /** Lets each connection end with its next request: its client opens another one, elsewhere. */
  finishEach(): void;
  /** Accepts no further stream (GOAWAY), and closes each connection when its streams have ended. */
  finish(): void;
}

/** A connection, and the number of its open streams. */
interface Connection {
  session: ServerHttp2Session;
  socket: TLSSocket;
  streams: number;
}

/**
 * Adds HTTP/2 to a server with TLS, for the clients that choose it in the handshake (ALPN); all others speak HTTP/1.1 as before.
 * WebSockets stay with HTTP/1.1, for which browsers open a connection of their own.
 * @param receive gets each exchange as one over HTTP/1.1, see `translateExchange`
 */
export function serveHttp2(server: SecureServer, options: Http2Options, receive: RequestListener): Http2 {
  const connections = new Set<Connection>();
  const enter = createPlaces(options);
  const http2 = createHttp2Server(options.maxHeaderBytes, (request, response) => {
    if (!enter(request.stream)) return request.stream.close(constants.NGHTTP2_REFUSED_STREAM);
    const exchange = translateExchange(request, response);
    receive(exchange.request, exchange.response as Parameters<RequestListener>[1]);
  });
  let isFinishing = false;

  const others = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') return accept(socket);
    for (const listener of others) listener.call(server, socket);
  });

  return {
    closeIdle() {
      for (const connection of connections) if (connection.streams === 0) close(connection);
    },
    finishEach() {
      isFinishing = true;
    },
    finish() {
      for (const connection of connections) close(connection);
    },
  };

  function accept(socket: TLSSocket): void {
    socket.on('error', () => socket.destroy());
    http2.once('session', (session: ServerHttp2Session) => watch({ session, socket, streams: 0 }));
    http2.emit('connection', socket);
  }

  function watch(connection: Connection): void {
    const { session, socket } = connection;
    let idle: NodeJS.Timeout | undefined;
    const closeLater = () => {
      idle = setTimeout(close, options.keepAliveMs, connection).unref();
    };
    connections.add(connection);
    session.setLocalWindowSize(connectionWindowBytes);
    closeLater();
    closeSilent(connection, options.idleMs);
    if (!options.isProxy(socket.remoteAddress ?? unknownAddress)) boundFrames(session, options.onRefused);
    session.on('stream', (stream: ServerHttp2Stream) => {
      connection.streams++;
      clearTimeout(idle);
      if (isFinishing) session.close();
      stream.once('close', () => {
        if (--connection.streams > 0) return;
        if (session.closed) disconnectSoon(socket);
        else closeLater();
      });
    });
    socket.once('close', () => {
      clearTimeout(idle);
      connections.delete(connection);
    });
  }
}

/** Closes a connection once its streams have ended. */
function close({ session, socket, streams }: Connection): void {
  if (!session.closed) session.close();
  if (streams === 0) disconnectSoon(socket);
}

function createHttp2Server(
  maxHeaderBytes: number,
  receive: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
) {
  const server = createServer({
    settings: {
      maxConcurrentStreams: maxStreams,
      maxHeaderListSize: maxHeaderBytes,
      initialWindowSize: streamWindowBytes,
    },
    maxHeaderListPairs: maxHeaderPairs,
    maxSessionMemory: maxSessionMegabytes,
    maxSessionInvalidFrames: maxFaults,
    maxSessionRejectedStreams: maxFaults,
  });
  // Without listeners, Node decides about `Expect` by itself.
  for (const event of ['request', 'checkContinue', 'checkExpectation']) server.on(event, receive);
  server.on('connect', (_request, response) => response.writeHead(405, { allow: graphqlMethods.join(', ') }).end());
  return server;
}
