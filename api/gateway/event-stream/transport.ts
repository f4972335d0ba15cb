import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { ignore } from '../../ignore.ts';
import { streamHeaders } from '../graphql/result-stream.ts';
import { closeCodes } from '../websocket/close-codes.ts';
import type { Transport } from '../websocket/connection.ts';
import { keepAlive } from './events.ts';

/** Bytes of events that may be on their way from the outbox to the response; the outbox bounds the others. */
const bufferBytes = 16_384;

const states = { open: 1, closing: 2, closed: 3 } as const;

/** The events of a stream on their way to its reader, who may come later. */
export interface StreamTransport extends Transport {
  /** Where the outbox writes. */
  readonly events: PassThrough;
  /** Whether a reader has come. */
  isOpened(): boolean;
  /** Sends the events as the response to a request, which must be the first. */
  open(response: ServerResponse): void;
  /** Code of the close; null before it. */
  closeCode(): number | null;
}

/**
 * Creates the transport of an event stream, which takes the place of a WebSocket.
 * @param options.farewell returns the last events of a stream whose session has ended
 * @param options.onClosed called once, when the response has ended, or when there is none
 */
export function createStreamTransport(options: { farewell(): string; onClosed(code: number): void }): StreamTransport {
  const events = new PassThrough({ highWaterMark: bufferBytes });
  let response: ServerResponse | null = null;
  let state: number = states.open;
  let code: number | null = null;
  events.on('error', ignore);

  return {
    events,
    get readyState() {
      return state;
    },
    OPEN: states.open,
    isOpened: () => response !== null,
    closeCode: () => code,
    open,
    close,
    terminate,
  };

  function open(given: ServerResponse): void {
    response = given;
    given.on('error', ignore);
    given.once('close', terminate);
    given.writeHead(200, { ...streamHeaders, 'content-type': 'text/event-stream' });
    // Some browsers wait for the first bytes of the body.
    given.write(keepAlive);
    events.pipe(given);
    // The client may have left while it was identified.
    if (given.destroyed || given.closed) terminate();
  }

  function close(given: number): void {
    if (state !== states.open) return;
    state = states.closing;
    code = given;
    if (given === closeCodes.badToken) events.write(options.farewell());
    events.end();
    if (response === null) terminate();
  }

  function terminate(): void {
    if (state === states.closed) return;
    state = states.closed;
    events.destroy();
    response?.destroy();
    options.onClosed(code ?? closeCodes.normal);
  }
}
