import type { Viewer } from '../../domain/auth.ts';
import { encodeText } from '../../live/frames.ts';
import type { Outbox } from '../../live/outbox/outboxes.ts';
import type { ResultType } from '../../live/result-frames.ts';
import type { Caller } from '../auth/caller.ts';
import type { Place } from '../connection-limits.ts';
import type { OpenConnection } from '../open-connection.ts';
import { closeCodes } from './close-codes.ts';

/** State of a running operation. */
export interface Operation {
  /** Settles once the server has finished the operation. */
  ended: Promise<void>;
  /** Results of a subscription, once it has started. */
  stream: AsyncIterable<unknown> | null;
  /** Whether the client has sent `complete` for it. */
  isCompleted: boolean;
}

/** The part of a WebSocket that its protocol uses; an event stream has one in its place. */
export interface Transport {
  readonly readyState: number;
  /** Value of `readyState` until the transport is closed. */
  readonly OPEN: number;
  /** Closes it after everything that was written. */
  close(code: number, reason: string): void;
  /** Closes it at once. */
  terminate(): void;
}

/** State of an open WebSocket, or of an event stream that carries the same protocol. */
export interface Connection<Socket extends Transport = Transport> {
  socket: Socket;
  /** Queue of everything sent over the socket except pings and the close frame. */
  outbox: Outbox;
  caller: Caller;
  /** Type of the messages with results, by the protocol of its client. */
  resultType: ResultType;
  /** Whether the client waits for keep-alive messages: a legacy one, once it is acknowledged. */
  needsKeepAlive: boolean;
  /** Id under which the connection is logged. */
  requestId: string;
  /** Token of the upgrade's `Authorization` header, until `connection_init` is handled; its payload may have another. */
  headerToken: string | null;
  viewer: Viewer | null;
  /** The connection's place in the counts of connections. */
  place: Place;
  /** Counts a message; returns false if the peer sends too many. */
  takeMessage(): boolean;
  /** Number of operations that have begun. */
  operations: number;
  /** Called with the id of each operation that is valid, before it is executed; null: nobody waits for that. */
  onPrepared: ((id: string) => void) | null;
  /** Run once when the connection ends, even if the peer has not acknowledged the close. */
  cleanups: (() => void)[];
  /** Operations by id, until the server has finished them. */
  running: Map<string, Operation>;
  /** Bytes of messages that wait for the end of an operation with the same id, or for the acknowledgement. */
  heldBytes: number;
  /** Number of pings since the peer's last sign of life. */
  silentPings: number;
  /** Bytes that the peer has certainly read, of those written to the socket. */
  readBytes: number;
  /** Whether written bytes were still buffered at the last ping. */
  wasBlocked: boolean;
}

/** Parts of a connection that it does not make itself. */
type Given<Socket extends Transport> = Pick<
  Connection<Socket>,
  'socket' | 'outbox' | 'caller' | 'requestId' | 'headerToken' | 'resultType' | 'place' | 'takeMessage'
>;

/** Returns the state of a connection that has just opened. */
export function newConnection<Socket extends Transport>(given: Given<Socket>): Connection<Socket> {
  return {
    ...given,
    needsKeepAlive: false,
    viewer: null,
    operations: 0,
    onPrepared: null,
    cleanups: [],
    running: new Map(),
    heldBytes: 0,
    silentPings: 0,
    readBytes: 0,
    wasBlocked: false,
  };
}

/** A close frame holds 123 bytes of reason (RFC 6455, 5.5), and a character takes up to three. */
const maxReasonLength = 41;

/** Sends a message. Awaiting the result makes the sender go at the pace of its reader. */
export function send({ outbox }: Connection, message: string): Promise<void> | undefined {
  return outbox.send(encodeText(message), 'response');
}

/** Closes a socket after everything that is queued for it. */
export function close(connection: Connection, code: number, reason: string): void {
  connection.outbox.end();
  connection.socket.close(code, reason.slice(0, maxReasonLength));
  end(connection);
}

/** Closes a socket whose peer does not read, and drops its queue: the client resumes from its last position. */
export function closeStalled(connection: Connection): void {
  connection.outbox.discard();
  close(connection, closeCodes.tryAgainLater, 'Read faster');
}

/** Ends a connection at once and drops the bytes that its socket has buffered. */
export function terminate(connection: Connection): void {
  end(connection);
  connection.socket.terminate();
}

/** Returns the part of a connection that other parts of the server see and may close. */
export function toOpenConnection(connection: Connection, transport: OpenConnection['transport']): OpenConnection {
  const end = (code: number | null) =>
    code === null ? terminate(connection) : close(connection, code, 'Closed on purpose');
  return { transport, userId: connection.viewer?.userId ?? null, close: end };
}

/** Ends every operation of a connection and runs its cleanups. */
export function end({ outbox, cleanups, running }: Connection): void {
  outbox.discard();
  for (const cleanup of cleanups.splice(0)) cleanup();
  for (const { stream } of running.values()) void stream?.[Symbol.asyncIterator]().return?.();
}
