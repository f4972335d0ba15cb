import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { GraphQLError, getOperationAST } from 'graphql';
import { GRAPHQL_TRANSPORT_WS_PROTOCOL, makeServer } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Domain } from '../../schema/context.ts';
import type { Auth, Viewer } from '../domain/auth.ts';
import { UnauthenticatedError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { bearerToken, type Caller, createContext } from './context.ts';
import type { GraphQLServer } from './graphql.ts';
import { maxSocketMessageBytes } from './limits.ts';
import { createMask, isFeedRestart, isUnavailable, saysUnavailable } from './mask.ts';
import { createOperations } from './operations.ts';
import { withRequestId } from './request-id.ts';
import { watchSession } from './watch-session.ts';

/** What is kept of a socket. */
interface Connection {
  socket: WebSocket;
  caller: Caller;
  viewer: Viewer | null;
  /** What is to be done once it has ended; also where the peer stalls and does not hear of the end. */
  cleanups: (() => void)[];
  /**
   * Its operations by their payload, with what subscriptions bring. graphql-ws knows one a message id, and forgets a first
   * that was completed before it began when its id is used again.
   */
  running: Map<object, AsyncIterable<unknown> | null>;
  isAlive: boolean;
}

/** Close codes of graphql-transport-ws and of the contract. */
const closeCodes = { tryAgainLater: 1013, restarting: 1012, badToken: 4403, internal: 4500 };
/** A close frame has room for 123 bytes of reason, and a letter takes up to three. */
const maxReasonLength = 41;
/** A reader that leaves more than this unread is closed, in bytes. */
const maxBuffered = 1_048_576;
const pingMs = 12_000;
/** How long a peer has to answer a close, in milliseconds. */
const closeTimeoutMs = 2_000;
const shutdownSpreadMs = 500;

/**
 * GraphQL over WebSocket: the protocol by graphql-ws, over our own sockets.
 * @param options.maxConnections how many sockets this node holds; further ones are closed with 1013
 * @param options.maxSubscriptions how many operations one socket runs at once; further ones are refused
 */
export function createWebSockets(options: {
  graphql: GraphQLServer;
  domain: Domain;
  auth: Auth;
  maxConnections: number;
  maxSubscriptions: number;
  logger: Logger;
}) {
  const { graphql, domain, auth, maxConnections, maxSubscriptions, logger } = options;
  const mask = createMask({ logger });
  const operations = createOperations(graphql, mask);
  const connections = new Set<Connection>();
  const settings = {
    noServer: true,
    maxPayload: maxSocketMessageBytes,
    closeTimeout: closeTimeoutMs,
    perMessageDeflate: false,
    handleProtocols: (protocols: Set<string>) =>
      protocols.has(GRAPHQL_TRANSPORT_WS_PROTOCOL) ? GRAPHQL_TRANSPORT_WS_PROTOCOL : false,
  } as const;
  const server = new WebSocketServer(settings);
  let stopping = false;
  let pings: NodeJS.Timeout | undefined;

  const protocol = makeServer<Record<string, unknown>, Connection>({
    async onConnect({ connectionParams, extra }) {
      const token = tokenOf(connectionParams);
      if (token === null) return true;
      try {
        admit(extra, await auth.authenticate(token));
        return true;
      } catch (error) {
        if (error instanceof UnauthenticatedError) return false;
        throw error;
      }
    },
    async onSubscribe({ extra }, _id, payload) {
      const prepared = await operations.prepare(payload, createContext(domain, extra.caller, extra.viewer));
      if (!('document' in prepared)) return prepared;
      if (extra.running.size >= maxSubscriptions) return [tooManySubscriptions(maxSubscriptions)];
      extra.running.set(payload, null);
      return prepared;
    },
    execute: (args) => operations.execute(args),
    subscribe: (args) => operations.subscribe(args),
    onOperation({ extra }, _id, payload, _args, result) {
      if (Symbol.asyncIterator in result) extra.running.set(payload, result);
    },
    onNext({ extra }, _id, _payload, { document, operationName }, { errors }) {
      const isSubscription = getOperationAST(document, operationName)?.operation === 'subscription';
      if (isSubscription && saysUnavailable(errors)) close(extra, closeCodes.tryAgainLater, 'Try again later');
    },
    onComplete: ({ extra }, _id, payload) => void extra.running.delete(payload),
    onError({ extra }, _id, _payload, errors) {
      if (errors.some(isFeedRestart)) close(extra, closeCodes.tryAgainLater, 'Try again later');
      return errors.map((error) => mask(error).toJSON());
    },
  });

  /** Lets a viewer in, until the session ends. */
  function admit(connection: Connection, viewer: Viewer): void {
    if (connection.socket.readyState !== connection.socket.OPEN) return;
    connection.viewer = viewer;
    const refuse = () => close(connection, closeCodes.badToken, 'Forbidden');
    connection.cleanups.push(watchSession(auth, viewer, refuse), domain.presence.connected(viewer.userId));
  }

  function open(socket: WebSocket, caller: Caller): void {
    socket.on('error', (error) => logger.debug({ error }, 'a socket failed'));
    if (stopping || connections.size >= maxConnections) {
      socket.close(closeCodes.tryAgainLater, 'Try again later');
      return;
    }
    const connection: Connection = { socket, caller, viewer: null, cleanups: [], running: new Map(), isAlive: true };
    connections.add(connection);
    const closed = protocol.opened(
      {
        protocol: socket.protocol,
        send: (data) => send(connection, data),
        close: (code, reason) => close(connection, code ?? closeCodes.internal, reason ?? ''),
        onMessage: (handle) =>
          socket.on('message', (data) => {
            if (socket.readyState === socket.OPEN) void receive(connection, handle, String(data));
          }),
      },
      connection,
    );
    connection.cleanups.push(() =>
      closed().catch((error: unknown) => logger.error({ error }, 'a socket did not end cleanly')),
    );
    socket.on('pong', () => {
      connection.isAlive = true;
    });
    socket.once('close', () => {
      connections.delete(connection);
      end(connection);
    });
  }

  function close(connection: Connection, code: number, reason: string): void {
    connection.socket.close(code, reason.slice(0, maxReasonLength));
    end(connection);
  }

  function end({ cleanups, running }: Connection): void {
    for (const cleanup of cleanups.splice(0)) cleanup();
    for (const stream of running.values()) void stream?.[Symbol.asyncIterator]().return?.();
  }

  /** Resolves when the bytes have left, so that a subscription goes on at the pace of its reader. */
  function send(connection: Connection, data: string): Promise<void> {
    const { socket } = connection;
    if (socket.bufferedAmount > maxBuffered) close(connection, closeCodes.tryAgainLater, 'Read faster');
    // A stream with much to say must not keep the event loop from hearing that its socket has closed.
    if (socket.readyState !== socket.OPEN) return new Promise(setImmediate);
    return new Promise((resolve) => socket.send(data, () => resolve()));
  }

  async function receive(connection: Connection, handle: (data: string) => Promise<void>, data: string): Promise<void> {
    try {
      await withRequestId(undefined, () => handle(data));
    } catch (error) {
      if (isUnavailable(error)) return close(connection, closeCodes.tryAgainLater, 'Try again later');
      logger.error({ error }, 'a message of a socket could not be handled');
      close(connection, closeCodes.internal, 'Internal server error');
    }
  }

  function ping(): void {
    for (const connection of connections) {
      if (!connection.isAlive) connection.socket.terminate();
      connection.isAlive = false;
      connection.socket.ping();
    }
  }

  return {
    /** How many sockets are open. */
    size: () => connections.size,
    /** Takes an HTTP upgrade. */
    upgrade(request: IncomingMessage, duplex: Duplex, head: Buffer, caller: Caller): void {
      server.handleUpgrade(request, duplex, head, (socket) => open(socket, caller));
    },
    start(): void {
      pings = setInterval(ping, pingMs);
    },
    /** Closes every socket with 1012, over a short spread, and resolves when they have ended. */
    async stop(): Promise<void> {
      stopping = true;
      clearInterval(pings);
      await Promise.all(
        [...connections].map(({ socket }, n, all) => closeSoon(socket, (n / all.length) * shutdownSpreadMs)),
      );
      server.close();
    },
  };
}

/** The token of a connection_init payload: `authorization: "Bearer …"`, the key in any case, or `token`. */
function tokenOf(parameters: Record<string, unknown> | undefined): string | null {
  for (const [key, value] of Object.entries(parameters ?? {})) {
    if (value === null) continue;
    if (key.toLowerCase() === 'authorization') return bearerToken(value) ?? String(value);
    if (key === 'token') return String(value);
  }
  return null;
}

function tooManySubscriptions(limit: number): GraphQLError {
  const message = `One connection runs at most ${limit} operations at once: complete some first.`;
  return new GraphQLError(message, { extensions: { code: 'RATE_LIMITED', retryAfterMs: 1_000 } });
}

function closeSoon(socket: WebSocket, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    setTimeout(() => socket.close(closeCodes.restarting, 'Service restart'), delayMs);
    setTimeout(() => socket.terminate(), delayMs + shutdownSpreadMs * 2);
  });
}
