import type { Logger } from '../../logger.ts';
import { hasUnavailable } from '../graphql/errors.ts';
import { maxOperationIdLength } from '../request-limits.ts';
import { closeCodes } from './close-codes.ts';
import { type Connection, close } from './connection.ts';
import { hasShortId, type Message, mustWait, track, waitForEnd } from './operation-ids.ts';

/** Hands a message to graphql-ws; resolves when the message and all its results are handled. */
export type HandleMessage = (data: string) => Promise<void>;

/** Receives a message of graphql-transport-ws, and resolves when it is handled. Never rejects. */
export type Receive = (connection: Connection, handle: HandleMessage, message: Message) => Promise<void>;

/** Reason of a close for an id that is too long. */
export const longIdReason = `Operation ids: max ${maxOperationIdLength} chars`;

/**
 * Creates the receiver of messages: it keeps the messages of an operation id in order, and closes connections whose messages
 * cannot be handled.
 */
export function createReceive(logger: Logger): Receive {
  return async function receive(connection, handle, message) {
    let isOperation = false;
    if (!hasShortId(message)) return close(connection, closeCodes.badMessage, longIdReason);
    try {
      while (mustWait(connection, message)) await waitForEnd(connection, message);
      if (connection.socket.readyState !== connection.socket.OPEN) return;
      // graphql-ws accepts a parsed message too, which saves parsing it twice.
      const handled = handle(message.content as string);
      isOperation = track(connection, message, handled);
      await handled;
    } catch (error) {
      if (hasUnavailable([error])) return close(connection, closeCodes.tryAgainLater, 'Try again later');
      logger.error({ error }, 'a message of a socket could not be handled');
      close(connection, closeCodes.internal, 'Internal server error');
    } finally {
      if (isOperation) connection.running.delete(message.id);
    }
  };
}
