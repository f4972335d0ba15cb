import { GRAPHQL_TRANSPORT_WS_PROTOCOL } from 'graphql-ws';
import type { StreamTokens } from '../../domain/stream-tokens.ts';
import { ignore } from '../../ignore.ts';
import type { Outboxes } from '../../live/outbox/outboxes.ts';
import type { Logger } from '../../logger.ts';
import type { Caller } from '../auth/caller.ts';
import { sessionEndedMessage } from '../auth/watch-session.ts';
import type { ConnectionLimits, Place } from '../connection-limits.ts';
import { keepAliveMs } from '../graphql/result-stream.ts';
import { sha256 } from '../graphql/trusted-documents.ts';
import { closeIdleAnonymous } from '../websocket/anonymous.ts';
import { closeCodes } from '../websocket/close-codes.ts';
import {
  type Connection,
  close,
  closeStalled,
  end,
  newConnection,
  terminate,
  toOpenConnection,
} from '../websocket/connection.ts';
import { createMessageRate } from '../websocket/message-rate.ts';
import type { Protocol } from '../websocket/protocol.ts';
import { createReceive, type HandleMessage } from '../websocket/receive.ts';
import { shutdownSpreadMs } from '../websocket/websocket.ts';
import { createEventCodec, type EventCodec } from './event-codec.ts';
import { failureEvents, keepAlive } from './events.ts';
import { refusals, reservationMs } from './refusals.ts';
import { createStreamTransport, type StreamTransport } from './transport.ts';

/** A reserved or open event stream of this node. */
export interface EventStream {
  connection: Connection<StreamTransport>;
  codec: EventCodec;
  /** SHA-256 of the access token that reserved the stream; null without one. */
  ownerHash: string | null;
  /** Hands a message to the protocol. */
  handle: HandleMessage;
  /** Resolves when the stream has ended. */
  closed: Promise<void>;
}

/** The client that reserves a stream. */
interface StreamClient {
  caller: Caller;
  requestId: string;
  /** Token of its `Authorization`; null without one. */
  headerToken: string | null;
}

const init = { content: { type: 'connection_init' }, type: 'connection_init', id: '', bytes: 0 };
const sessionEnded = { message: sessionEndedMessage, extensions: { code: 'UNAUTHENTICATED' } };

/**
 * Creates the event streams of a node: each carries the results of many operations, which come by requests of their own
 * (graphql-sse, single connection mode). To the protocol a stream is a connection like a WebSocket, with the same bounds.
 * @param options.limits counts the streams of the node, addresses and users, from their reservation on
 * @param options.messagesPerSecond requests per second that a stream may get in the long run
 * @param options.anonymousIdleMs milliseconds after which a stream without a viewer and without operations is closed
 */
export function createEventStreams(options: {
  protocol: Protocol;
  tokens: StreamTokens;
  outboxes: Outboxes;
  limits: ConnectionLimits;
  messagesPerSecond: number;
  anonymousIdleMs: number;
  logger: Logger;
}) {
  const { protocol, tokens, outboxes, limits, logger } = options;
  const streams = new Map<string, EventStream>();
  const receive = createReceive(logger);
  let isStopping = false;
  let keepAlives: NodeJS.Timeout | undefined;

  return {
    /** Number of streams, reserved ones included. */
    size: () => streams.size,
    /** Lists the open streams. */
    list: () => [...streams.values()].map(({ connection }) => toOpenConnection(connection, 'stream')),
    reserve,
    find,
    start(): void {
      keepAlives = setInterval(() => streams.forEach(sendKeepAlive), keepAliveMs);
    },
    /** Ends every stream, spread over half a second, and resolves when all have ended. */
    async stop(): Promise<void> {
      isStopping = true;
      clearInterval(keepAlives);
      const all = [...streams.values()];
      await Promise.all(all.map((stream, n) => closeSoon(stream, (n / all.length) * shutdownSpreadMs)));
    },
  };

  /**
   * Reserves a stream for a client, which must open it within `reservationMs`.
   * @returns its token
   * @throws GraphQLError with the status of the response
   */
  async function reserve(client: StreamClient): Promise<string> {
    const place = isStopping ? null : limits.enter(client.caller.address);
    if (place === null) throw refusals.noRoom();
    const token = tokens.create();
    const stream = createStream({ ...client, place }, () => streams.delete(token));
    streams.set(token, stream);
    const { connection, codec, handle } = stream;
    await codec.receive(handle, init);
    const isRefused = connection.socket.closeCode() === closeCodes.badToken;
    if (!isOpen(stream)) throw isRefused ? refusals.badToken() : refusals.noRoom();
    closeUnopened(connection);
    closeIdleAnonymous(connection, options.anonymousIdleMs);
    return token;
  }

  /**
   * Returns the stream of a token.
   * @throws GraphQLError with the status of the response: 404, or 421 if it is, or was, the stream of another process
   */
  function find(token: string | null): EventStream {
    if (token === null) throw refusals.noToken();
    const node = tokens.nodeOf(token);
    if (node !== null && node !== tokens.nodeId) throw refusals.otherNode();
    const stream = streams.get(token);
    if (stream === undefined || !isOpen(stream)) throw refusals.notFound();
    return stream;
  }

  function createStream(client: StreamClient & { place: Place }, forget: () => void): EventStream {
    const openedAt = performance.now();
    const ownerHash = client.headerToken === null ? null : sha256(client.headerToken);
    let settle = ignore;
    const closed = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const connection = createConnection(client, (code) => {
      forget();
      client.place.release();
      end(connection);
      const durationMs = Math.round(performance.now() - openedAt);
      const { requestId, viewer } = connection;
      logger.info({ requestId, code, durationMs, userId: viewer?.userId }, 'event stream closed');
      settle();
    });
    const codec = createEventCodec(connection, receive);
    const handle = openProtocol(connection, codec);
    logger.info({ requestId: connection.requestId }, 'event stream reserved');
    return { connection, codec, ownerHash, handle, closed };
  }

  function createConnection(
    client: StreamClient & { place: Place },
    onClosed: (code: number) => void,
  ): Connection<StreamTransport> {
    const transport = createStreamTransport({ farewell: () => farewellOf(connection), onClosed });
    const outbox = outboxes.open(transport.events, {
      onDrained: ignore,
      onOverflow: (isNodeFull) => (isNodeFull && outbox.isBlocked() ? terminate(connection) : closeStalled(connection)),
    });
    const takeMessage = createMessageRate(options.messagesPerSecond);
    const connection = newConnection({ ...client, socket: transport, outbox, resultType: 'event', takeMessage });
    return connection;
  }

  function openProtocol(connection: Connection, codec: EventCodec): HandleMessage {
    let handle: HandleMessage | undefined;
    const close = protocol.opened(
      {
        protocol: GRAPHQL_TRANSPORT_WS_PROTOCOL,
        send: codec.send,
        close: (code, reason) => codec.close(code ?? closeCodes.internal, reason ?? ''),
        onMessage: (given) => {
          handle = given;
        },
      },
      connection,
    );
    connection.cleanups.push(() =>
      close().catch((error: unknown) => logger.error({ error }, 'an event stream did not end cleanly')),
    );
    if (handle === undefined) throw new Error('graphql-ws listens to messages at once');
    return handle;
  }
}

export type EventStreams = ReturnType<typeof createEventStreams>;

/** Whether a stream has not begun to end. */
export function isOpen({ connection: { socket } }: Pick<EventStream, 'connection'>): boolean {
  return socket.readyState === socket.OPEN;
}

function closeUnopened(connection: Connection<StreamTransport>): void {
  const timer = setTimeout(() => {
    if (!connection.socket.isOpened()) close(connection, closeCodes.tryAgainLater, 'Not opened');
  }, reservationMs);
  connection.cleanups.push(() => clearTimeout(timer));
}

/** Returns the events that tell each operation that the session has ended. */
function farewellOf({ running }: Connection): string {
  const ids = [...running].filter(([, { isCompleted }]) => !isCompleted).map(([id]) => id);
  return ids.map((id) => failureEvents(id, [sessionEnded])).join('');
}

function sendKeepAlive({ connection: { socket, outbox } }: EventStream): void {
  if (socket.isOpened() && !outbox.isBlocked()) void outbox.send(keepAlive, 'response');
}

function closeSoon({ connection, closed }: EventStream, delayMs: number): Promise<void> {
  const closing = setTimeout(() => close(connection, closeCodes.restarting, 'Service restart'), delayMs);
  const ending = setTimeout(() => terminate(connection), delayMs + shutdownSpreadMs * 2);
  return closed.then(() => {
    clearTimeout(closing);
    clearTimeout(ending);
  });
}
