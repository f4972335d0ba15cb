import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { encodePong } from '../../live/frames.ts';
import type { Outboxes } from '../../live/outbox/outboxes.ts';
import type { Logger } from '../../logger.ts';
import type { Caller } from '../auth/caller.ts';
import { tokenOfHeader } from '../auth/token.ts';
import type { ConnectionLimits, Place } from '../connection-limits.ts';
import { disconnectSoon } from '../http/disconnect.ts';
import { refuseSocket } from '../http/refusal.ts';
import { readRequestId } from '../http/request-id.ts';
import { maxSocketChunks, maxSocketFragments, maxSocketMessageBytes } from '../request-limits.ts';
import { closeIdleAnonymous } from './anonymous.ts';
import { closeCodes } from './close-codes.ts';
import { createCodec } from './codec.ts';
import { type Connection, close, closeStalled, end, newConnection, terminate, toOpenConnection } from './connection.ts';
import { createLegacyCodec } from './legacy-codec.ts';
import { onDrain, onPong, ping, pingMs } from './liveness.ts';
import { createMessageRate } from './message-rate.ts';
import { readMessage } from './operation-ids.ts';
import type { Protocol } from './protocol.ts';
import { createReceive } from './receive.ts';
import { createRefusals } from './refused.ts';
import { chooseSubprotocol, isLegacyClient } from './subprotocol.ts';

/** Milliseconds that a peer has to read the queued bytes and to acknowledge a close. */
const closeTimeoutMs = 30_000;
/** Milliseconds over which connections are closed when the node stops, so that not all clients reconnect at once. */
export const shutdownSpreadMs = 500;

/** Facts about an upgrade that its connection keeps. */
type Upgrade = Pick<Connection, 'caller' | 'requestId' | 'headerToken'> & { isLegacy: boolean };

/**
 * Creates GraphQL over WebSocket: graphql-ws speaks the protocol, over our own sockets and outboxes; a codec translates for
 * clients of the older one.
 * @param options.limits counts the sockets of the node, addresses and users; those above a limit are closed with 1013
 * @param options.messagesPerSecond messages per second that a socket may send in the long run; above it, it is closed with 1013
 * @param options.anonymousIdleMs milliseconds after which a socket without a viewer and without operations is closed
 */
export function createWebSockets(options: {
  protocol: Protocol;
  outboxes: Outboxes;
  limits: ConnectionLimits;
  messagesPerSecond: number;
  anonymousIdleMs: number;
  logger: Logger;
}) {
  const { protocol, outboxes, limits, logger } = options;
  const connections = new Set<Connection<WebSocket>>();
  const refuse = createRefusals();
  const receive = createReceive(logger);
  const settings = {
    noServer: true,
    maxPayload: maxSocketMessageBytes,
    maxFragments: maxSocketFragments,
    maxBufferedChunks: maxSocketChunks,
    closeTimeout: closeTimeoutMs,
    perMessageDeflate: false,
    autoPong: false,
    handleProtocols: chooseSubprotocol,
  } as const;
  const server = new WebSocketServer(settings);
  server.on('wsClientError', ({ message }, socket, request) =>
    refuseSocket(socket, { status: 400, message: `${message}.` }, { logger, requestId: readRequestId(request) }),
  );
  let stopping = false;
  let pings: NodeJS.Timeout | undefined;

  function open(socket: WebSocket, duplex: Duplex, request: Upgrade): void {
    socket.on('error', (error) => logger.debug({ error }, 'a socket failed'));
    const place = stopping ? null : limits.enter(request.caller.address);
    if (place === null) {
      refuse(socket);
      return;
    }
    const connection = createConnection(socket, duplex, { ...request, place });
    connections.add(connection);
    logConnection(logger, connection);
    const codec = request.isLegacy ? createLegacyCodec(connection, receive) : createCodec(connection, receive);
    const closed = protocol.opened(
      {
        protocol: request.isLegacy ? GRAPHQL_TRANSPORT_WS_PROTOCOL : socket.protocol,
        send: codec.send,
        close: (code, reason) => codec.close(code ?? closeCodes.internal, reason ?? ''),
        onMessage: (handle) =>
          socket.on('message', (data: Buffer) => {
            if (mayReceive(connection)) void codec.receive(handle, readMessage(data));
          }),
      },
      connection,
    );
    connection.cleanups.push(() =>
      closed().catch((error: unknown) => logger.error({ error }, 'a socket did not end cleanly')),
    );
    socket.on('ping', (data) => mayReceive(connection) && void connection.outbox.send(encodePong(data), 'response'));
    socket.on('pong', (data) => mayReceive(connection) && onPong(connection, data));
    closeIdleAnonymous(connection, options.anonymousIdleMs);
    socket.once('close', () => {
      connections.delete(connection);
      place.release();
      end(connection);
    });
  }

  function createConnection(
    socket: WebSocket,
    duplex: Duplex,
    { isLegacy, ...request }: Upgrade & { place: Place },
  ): Connection<WebSocket> {
    const outbox = outboxes.open(duplex, {
      onDrained: () => onDrain(connection),
      onOverflow: (isNodeFull) => (isNodeFull && outbox.isBlocked() ? terminate(connection) : closeStalled(connection)),
    });
    const connection = newConnection({
      socket,
      outbox,
      ...request,
      resultType: isLegacy ? 'data' : 'next',
      takeMessage: createMessageRate(options.messagesPerSecond),
    });
    return connection;
  }

  return {
    /** Number of open sockets. */
    size: () => connections.size,
    /** Lists the open sockets. */
    list: () => [...connections].map((connection) => toOpenConnection(connection, 'websocket')),
    /** Accepts an HTTP upgrade. */
    upgrade(request: IncomingMessage, duplex: Duplex, head: Buffer, caller: Caller): void {
      const requestId = readRequestId(request);
      const headerToken = tokenOfHeader(request.headers.authorization);
      let isAccepted = false;
      server.handleUpgrade(request, duplex, head, (socket) => {
        isAccepted = true;
        open(socket, duplex, { caller, requestId, headerToken, isLegacy: isLegacyClient(request, socket) });
      });
      // `ws` has written its refusal.
      if (!isAccepted) disconnectSoon(duplex);
    },
    start(): void {
      pings = setInterval(() => connections.forEach(ping), pingMs);
    },
    /** Closes every socket with 1012, spread over half a second, and resolves when all have ended. */
    async stop(): Promise<void> {
      stopping = true;
      clearInterval(pings);
      await Promise.all(
        [...connections].map((connection, n, all) => closeSoon(connection, (n / all.length) * shutdownSpreadMs)),
      );
      // Sockets that were rejected with 1013 and whose peers keep them open.
      for (const socket of server.clients) socket.terminate();
      server.close();
    },
  };
}

/** Whether a connection is open; closes it if its peer sends too many messages. */
function mayReceive(connection: Connection<WebSocket>): boolean {
  const { socket, takeMessage } = connection;
  if (socket.readyState !== socket.OPEN) return false;
  if (takeMessage()) return true;
  close(connection, closeCodes.tryAgainLater, 'Too many messages');
  return false;
}

/** Logs one line at `info` when a connection is open and one when it has closed. */
function logConnection(logger: Logger, connection: Connection<WebSocket>): void {
  const { requestId, socket } = connection;
  const openedAt = performance.now();
  logger.info({ requestId }, 'websocket opened');
  socket.once('close', (code: number) => {
    const durationMs = Math.round(performance.now() - openedAt);
    const { userId } = connection.viewer ?? {};
    logger.info({ requestId, code, durationMs, userId }, 'websocket closed');
  });
}

function closeSoon(connection: Connection<WebSocket>, delayMs: number): Promise<void> {
  const { socket } = connection;
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
    setTimeout(() => close(connection, closeCodes.restarting, 'Service restart'), delayMs);
    setTimeout(() => socket.terminate(), delayMs + shutdownSpreadMs * 2);
  });
}
