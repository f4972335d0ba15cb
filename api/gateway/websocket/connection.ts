import type { WebSocket } from 'ws';
import type { Viewer } from '../../domain/auth.ts';
import { encodeText } from '../../live/frames.ts';
import type { Outbox } from '../../live/outbox/outboxes.ts';
import type { Caller } from '../auth/caller.ts';

/** What is kept of an operation. */
interface Operation {
  /** Settles when it has ended, also for the server. */
  ended: Promise<void>;
  /** What a subscription brings, once it has begun. */
  stream: AsyncIterable<unknown> | null;
  /** Its client wants no more of it. */
  isCompleted: boolean;
}

/** What is kept of a socket. */
export interface Connection {
  socket: WebSocket;
  /** All that leaves the socket, but for pings and the close. */
  outbox: Outbox;
  caller: Caller;
  viewer: Viewer | null;
  /** What is to be done once it has ended; also where the peer stalls and does not hear of the end. */
  cleanups: (() => void)[];
  /** Its operations by their id, until all that they do has ended. */
  running: Map<string, Operation>;
  /** Bytes of messages that wait for the end of an operation whose id they use again. */
  heldBytes: number;
  /** Pings since the peer's last sign of life. */
  silentPings: number;
  /** How much of what was handed to the socket the peer has read for sure, in bytes. */
  readBytes: number;
  /** At the last ping, something was handed over that had not left. */
  wasBlocked: boolean;
}

/** Close codes of graphql-transport-ws and of the contract. */
export const closeCodes = { tryAgainLater: 1013, restarting: 1012, badToken: 4403, internal: 4500 };
/** A close frame has room for 123 bytes of reason, and a letter takes up to three. */
const maxReasonLength = 41;

/** Sends a message. What is returned is waited for, so that what sends goes on at the pace of its reader. */
export function send({ outbox }: Connection, message: string): Promise<void> | undefined {
  return outbox.send(encodeText(message), 'response');
}

/** Closes a socket after all that it is still to send. */
export function close(connection: Connection, code: number, reason: string): void {
  connection.outbox.end();
  connection.socket.close(code, reason.slice(0, maxReasonLength));
  end(connection);
}

/** Closes a socket whose peer does not read: what it has not taken by now it will ask for again. */
export function closeStalled(connection: Connection): void {
  connection.outbox.discard();
  close(connection, closeCodes.tryAgainLater, 'Read faster');
}

/** Ends a connection at once, with what its socket holds. */
export function cutOff(connection: Connection): void {
  end(connection);
  connection.socket.terminate();
}

/** Ends all that runs on a connection. */
export function end({ outbox, cleanups, running }: Connection): void {
  outbox.discard();
  for (const cleanup of cleanups.splice(0)) cleanup();
  for (const { stream } of running.values()) void stream?.[Symbol.asyncIterator]().return?.();
}
