import { ignore } from '../../ignore.ts';
import { exceedsJsonBounds } from '../json-bounds.ts';
import { maxOperationIdLength, maxSocketMessageBytes } from '../request-limits.ts';
import { withQuery } from './absent-query.ts';
import { closeCodes } from './close-codes.ts';
import { type Connection, close } from './connection.ts';

/** A message of a client. */
export interface Message {
  /** The parsed JSON, or the text if it is not JSON. */
  content: unknown;
  type: unknown;
  /** Id of the message's operation; empty if it has none. */
  id: string;
  /** Size of the message. */
  bytes: number;
}

/** Parses a message. graphql-ws rejects malformed ones, and those whose JSON exceeds the bounds. */
export function readMessage(data: Buffer): Message {
  const bytes = data.length;
  // An empty message is malformed too. A deep one would overflow the stack when the pong repeats the payload of a ping.
  const text = exceedsJsonBounds(data) ? '' : String(data);
  try {
    const content = withQuery(JSON.parse(text));
    return { content, type: content.type, id: String(content.id ?? ''), bytes };
  } catch {
    return { content: text, type: null, id: '', bytes };
  }
}

/**
 * Returns whether the id of a message has an acceptable length. Each of a socket's operations keeps its id, and every result
 * repeats it.
 */
export const hasShortId = ({ id }: Message): boolean => id.length <= maxOperationIdLength;

/**
 * Whether a message must wait because its operation id is still in use. The protocol lets a client reuse an id right after
 * `complete`, but graphql-ws would mistake the end of the first operation for that of the second.
 */
export function mustWait({ running }: Connection, { id }: Message): boolean {
  return running.get(id)?.isCompleted ?? false;
}

/** Resolves when the operation that a message waits for has ended. */
export function waitForEnd(connection: Connection, message: Message): Promise<void> {
  return holdUntil(connection, message, connection.running.get(message.id)?.ended.catch(ignore));
}

/** Resolves when a message that must wait can be handled. Closes the socket if too many bytes wait. */
export async function holdUntil(connection: Connection, { bytes }: Message, ready?: Promise<void>): Promise<void> {
  if (connection.heldBytes > maxSocketMessageBytes) close(connection, closeCodes.tryAgainLater, 'Too many messages');
  connection.heldBytes += bytes;
  await ready;
  connection.heldBytes -= bytes;
}

/**
 * Tracks the operations of a connection by its messages.
 * @param handled settles when the message and all its results are handled
 * @returns whether the message started an operation, which the caller removes once `handled` settles
 */
export function track(connection: Connection, { id, type }: Message, handled: Promise<void>): boolean {
  const { running } = connection;
  const operation = running.get(id);
  if (operation && type === 'complete') operation.isCompleted = true;
  if (operation || type !== 'subscribe') return false;
  running.set(id, { ended: handled, stream: null, isCompleted: false });
  connection.operations++;
  return true;
}
