import { maxSocketMessageBytes } from '../request-limits.ts';
import { type Connection, close, closeCodes } from './connection.ts';

/** A message of graphql-transport-ws. */
export interface Message {
  /** As JSON says; what is no JSON stays as it is. */
  content: unknown;
  type: unknown;
  /** Of its operation; empty where it has none. */
  id: string;
  bytes: number;
}

/** Reads a message; what is none is for graphql-ws to refuse. */
export function readMessage(data: Buffer): Message {
  const text = String(data);
  const bytes = data.length;
  try {
    const content = JSON.parse(text);
    return { content, type: content.type, id: String(content.id ?? ''), bytes };
  } catch {
    return { content: text, type: null, id: '', bytes };
  }
}

/**
 * An id may be used again as soon as its operation was completed, but graphql-ws takes the end of the first for that of the
 * second: messages with the id wait until it has come.
 * @returns whether a message is to wait for its turn
 */
export function mustWait({ running }: Connection, { id }: Message): boolean {
  return running.get(id)?.isCompleted ?? false;
}

/** Resolves when the operation has ended for which a message waits. Its socket is closed where too much waits. */
export async function wait(connection: Connection, { id, bytes }: Message): Promise<void> {
  if (connection.heldBytes > maxSocketMessageBytes) close(connection, closeCodes.tryAgainLater, 'Wait for answers');
  connection.heldBytes += bytes;
  await connection.running.get(id)?.ended.catch(() => {});
  connection.heldBytes -= bytes;
}

/**
 * Keeps an account of operations, by the messages that are handled.
 * @param handled settles when all that comes of the message has ended
 * @returns whether it is to be told of the end
 */
export function enter({ running }: Connection, { id, type }: Message, handled: Promise<void>): boolean {
  const operation = running.get(id);
  if (operation && type === 'complete') operation.isCompleted = true;
  if (operation || type !== 'subscribe') return false;
  running.set(id, { ended: handled, stream: null, isCompleted: false });
  return true;
}
