import { validateMessage } from 'graphql-ws';
import { ignore } from '../../ignore.ts';
import { closeCodes } from './close-codes.ts';
import type { Codec } from './codec.ts';
import { type Connection, close, type Operation, send } from './connection.ts';
import { hasShortId, holdUntil, type Message } from './operation-ids.ts';
import { type HandleMessage, longIdReason, type Receive } from './receive.ts';

/** Beginning of a message with a result as graphql-ws writes it, up to its type. */
const resultHead = /^\{"id":"(?:[^"\\]|\\.)*","type":"(?=next")/;
const acknowledgement = '{"type":"connection_ack"}';
/** Repeated with the pings. Clients may hang up when it no longer comes: graphql_flutter after 30 seconds. */
export const keepAlive = '{"type":"ka"}';
const invalidPayload = {
  message:
    '`payload` must have `query`, a string; `variables` and `extensions` are objects, `operationName` is a string.',
  extensions: { code: 'BAD_REQUEST' },
};

/**
 * Creates the codec for a client of subscriptions-transport-ws
 * (https://github.com/apollographql/subscriptions-transport-ws/blob/master/PROTOCOL.md).
 *
 * Where that page is silent, it does as that server and its clients do: an operation that comes before the acknowledgement waits
 * for it, an id that is used again ends its operation first, and `complete` follows `error`, since graphql_flutter and Ferry close
 * their streams at `complete` alone.
 */
export function createLegacyCodec(connection: Connection, receive: Receive): Codec {
  const { running, socket, cleanups } = connection;
  /** Operations that the client has replaced, or whose end it knows. */
  const over = new WeakSet<Operation>();
  let isAcknowledged = false;
  let release = ignore;
  const acknowledged = new Promise<void>((resolve) => {
    release = resolve;
  });
  cleanups.push(release);

  return { send: translate, close: refuse, receive: take };

  function translate(text: string): Promise<void> | undefined {
    const head = resultHead.exec(text)?.[0];
    if (head !== undefined) return send(connection, `${head}data${text.slice(head.length + 'next'.length)}`);
    const { type, id, payload } = JSON.parse(text);
    if (type === 'connection_ack') return acknowledge();
    const operation = running.get(id);
    if (operation && over.has(operation)) return undefined;
    if (operation) over.add(operation);
    return type === 'error' ? fail(id, payload[0]) : complete(id);
  }

  function acknowledge(): Promise<void> | undefined {
    isAcknowledged = true;
    connection.needsKeepAlive = true;
    // Apollo Kotlin expects the acknowledgement as the first message.
    void send(connection, acknowledgement);
    const sent = send(connection, keepAlive);
    release();
    return sent;
  }

  function fail(id: string, error: object): Promise<void> | undefined {
    void send(connection, JSON.stringify({ id, type: 'error', payload: error }));
    return complete(id);
  }

  function complete(id: string): Promise<void> | undefined {
    return send(connection, JSON.stringify({ id, type: 'complete' }));
  }

  /** Legacy clients do not look at close codes. */
  function refuse(code: number, reason: string): void {
    const payload =
      code === closeCodes.badToken
        ? { message: 'The token is invalid or has expired: sign in again.', extensions: { code: 'UNAUTHENTICATED' } }
        : { message: `${reason}.`, extensions: { code: 'BAD_REQUEST' } };
    void send(connection, JSON.stringify({ type: 'connection_error', payload }));
    close(connection, code, reason);
  }

  async function take(handle: HandleMessage, message: Message): Promise<void> {
    const { type } = message;
    if (!hasShortId(message)) return refuse(closeCodes.badMessage, longIdReason);
    if (type === 'connection_terminate') return close(connection, closeCodes.normal, 'Terminated');
    if (type === 'connection_init') return receive(connection, handle, message);
    if ((type !== 'start' && type !== 'stop') || !hasId(message))
      return refuse(closeCodes.badMessage, 'Invalid message received');
    if (!isAcknowledged) await holdUntil(connection, message, acknowledged);
    if (socket.readyState !== socket.OPEN) return;
    return type === 'start' ? start(handle, message) : stop(handle, message);
  }

  async function start(handle: HandleMessage, message: Message): Promise<void> {
    const { id } = message;
    const previous = running.get(id);
    if (previous) {
      over.add(previous);
      void end(handle, message);
    }
    const { payload } = message.content as { payload: unknown };
    const content = { id, type: 'subscribe', payload };
    if (isValid(content)) return receive(connection, handle, { ...message, type: 'subscribe', content });
    void fail(id, invalidPayload);
  }

  async function stop(handle: HandleMessage, message: Message): Promise<void> {
    const operation = running.get(message.id);
    const wasRunning = operation && !operation.isCompleted;
    void end(handle, message);
    if (!wasRunning) return;
    await operation.ended.catch(ignore);
    if (over.has(operation)) return;
    over.add(operation);
    void complete(message.id);
  }

  /** Ends the newest operation of an id, which may still wait for the one before it. */
  function end(handle: HandleMessage, message: Message): Promise<void> {
    const { id } = message;
    return receive(connection, handle, { ...message, type: 'complete', content: { id, type: 'complete' } });
  }
}

function hasId({ content }: Message): boolean {
  const { id } = content as { id?: unknown };
  return typeof id === 'string' && id !== '';
}

function isValid(message: unknown): boolean {
  try {
    validateMessage(message);
    return true;
  } catch {
    return false;
  }
}
