import type { Codec } from '../websocket/codec.ts';
import { type Connection, close } from '../websocket/connection.ts';
import type { Receive } from '../websocket/receive.ts';
import { completeEvent, failureEvents } from './events.ts';

/** Beginning of a message with a result as graphql-ws writes it, up to its type; the type goes to the event's name. */
const resultHead = /^(\{"id":"(?:[^"\\]|\\.)*"),"type":"next"(?=,)/;

/** Errors of an operation that was refused before its execution; null if it was not. */
export type Refused = readonly object[] | null;

/** Codec of an event stream. */
export interface EventCodec extends Codec {
  /**
   * Starts an operation, and resolves once the server has prepared or refused it.
   * @param start hands the operation to the server; resolves when it has ended
   */
  begin(id: string, start: () => Promise<void>): Promise<Refused>;
  /** Sends events. */
  write(events: string): Promise<void> | undefined;
}

/** Creates the codec between graphql-transport-ws and the events of graphql-sse, single connection mode. */
export function createEventCodec(connection: Connection, receive: Receive): EventCodec {
  const waiting = new Map<string, (refused: Refused) => void>();
  connection.onPrepared = (id) => settle(id, null);
  connection.cleanups.push(() => {
    for (const id of waiting.keys()) settle(id, null);
  });

  return {
    send: translate,
    close: (code, reason) => close(connection, code, reason),
    receive: (handle, message) => receive(connection, handle, message),
    begin,
    write,
  };

  function begin(id: string, start: () => Promise<void>): Promise<Refused> {
    return new Promise((resolve) => {
      waiting.set(id, resolve);
      // The server says nothing of an operation that its client ends before.
      void start().then(() => waiting.get(id) === resolve && settle(id, null));
    });
  }

  function translate(text: string): Promise<void> | undefined {
    const [head, beginning] = resultHead.exec(text) ?? [];
    if (head !== undefined) return write(`event: next\ndata: ${beginning}${text.slice(head.length)}\n\n`);
    const { type, id, payload } = JSON.parse(text);
    if (type === 'complete') return write(completeEvent(JSON.stringify(id)));
    // The rest is the acknowledgement, which the response to the reservation stands for.
    if (type !== 'error' || settle(id, payload)) return undefined;
    return write(failureEvents(id, payload));
  }

  function write(events: string): Promise<void> | undefined {
    return connection.outbox.send(Buffer.from(events), 'response');
  }

  /** Returns whether somebody waited for the operation. */
  function settle(id: string, refused: Refused): boolean {
    const resolve = waiting.get(id);
    waiting.delete(id);
    resolve?.(refused);
    return resolve !== undefined;
  }
}
