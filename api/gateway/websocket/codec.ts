import { type Connection, close, send } from './connection.ts';
import type { Message } from './operation-ids.ts';
import type { HandleMessage, Receive } from './receive.ts';

/** Translates between a client and the server of graphql-transport-ws. */
export interface Codec {
  /** Sends a message of the server. Awaiting the result makes the sender go at the pace of its reader. */
  send(message: string): Promise<void> | undefined;
  /** Closes the connection because of a message of its client. */
  close(code: number, reason: string): void;
  /** Receives a message of the client. Never rejects. */
  receive(handle: HandleMessage, message: Message): Promise<void>;
}

/** Creates the codec for a client of graphql-transport-ws, which translates nothing. */
export function createCodec(connection: Connection, receive: Receive): Codec {
  return {
    send: (message) => send(connection, message),
    close: (code, reason) => close(connection, code, reason),
    receive: (handle, message) => receive(connection, handle, message),
  };
}
