import { createClient, type ExecutionResult, MessageType, stringifyMessage } from 'graphql-ws';
import { backoff, pause } from './backoff.ts';
import type { TokenSource } from './session.ts';
import { createValue, type Readable } from './value.ts';

/** State of the socket. `idle`: there are no subscriptions, so no socket is open. */
export type Connection =
  | { readonly state: 'idle' | 'connecting' | 'connected' }
  /** `since`: when the connection was lost, in milliseconds since the epoch. */
  | { readonly state: 'reconnecting'; readonly since: number };

/** A subscription as graphql-ws sends it. */
export interface Payload {
  query: string;
  operationName?: string;
  variables?: Record<string, unknown> | null | undefined;
}

interface Sink {
  next(event: ExecutionResult): void;
  /** The server ended the subscription with `GraphQLError`s. Lost connections are not errors: the socket reconnects. */
  error(reason: unknown): void;
  complete(): void;
}

/** One graphql-transport-ws connection for all subscriptions. It reconnects while there are subscriptions. */
export interface Socket {
  /** Subscribes now and after every reconnect, and reads `payload` again each time. Returns a function that unsubscribes. */
  subscribe(payload: Payload, sink: Sink): () => void;
  connection: Readable<Connection>;
  /** Retries immediately instead of waiting. If connected, sends a ping to check that the connection is alive. */
  wake(): void;
  dispose(): void;
}

/** Options of `createSocket`. */
export interface SocketOptions {
  /** URL of the API, `ws:` or `wss:`. */
  url: string;
  session: TokenSource;
  /** The `WebSocket` constructor, for environments without a global one. */
  webSocketImpl?: unknown;
  timing?: SocketTiming | undefined;
}

/** How soon the socket notices that the connection is dead. */
export interface SocketTiming {
  /** How long a connection may be silent before the client sends a ping, in milliseconds. 12 s by default. */
  keepAliveMs?: number;
  /**
   * How long to wait for the pong before closing the connection, in milliseconds: an unplugged network sends no close
   * frame. 5 s by default, and a second at most after the browser has said that it is offline.
   */
  pongTimeoutMs?: number;
}

const ackTimeoutMs = 10_000;
const offlinePongTimeoutMs = 1_000;
/** How long the socket stays open without subscriptions, so that changing screens does not reconnect. */
const lazyCloseMs = 5_000;
/** Average wait before a retry after a close code that graphql-ws treats as fatal. */
const fatalRetryMs = 30_000;
/** Close code: the server refused the token. */
const tokenRefused = 4403;
const normalClosure = 1000;

/**
 * Creates the socket. It handles close codes in three ways:
 *
 * - 4403 (token refused, expired or revoked): it renews the token, then reconnects.
 * - 1012, 1013 (restart, overload), 1006, 4408, 4499 and other lost connections: it reconnects with exponential backoff
 *   up to 15 s (`backoff.ts`), or immediately when the browser comes online or the page becomes visible.
 * - 1008, 1009, 1011, 4400, 4401, 4406, 4409, 4429, 4500: graphql-ws treats these as fatal and fails every
 *   subscription. Some are bugs of this client, but a proxy that restarts causes others, and a chat should not stay
 *   silent until the user reloads the page. So it subscribes again, about every 30 s.
 */
export function createSocket({ url, session, webSocketImpl, timing = {} }: SocketOptions): Socket {
  const { keepAliveMs = 12_000, pongTimeoutMs = 5_000 } = timing;
  const connection = createValue<Connection>({ state: 'idle' });
  const disposed = new AbortController();
  let retryDelay = new AbortController();
  let open: WebSocket | undefined;
  let pongTimer: ReturnType<typeof setTimeout> | undefined;
  /** When the browser went offline, until the connection proves to live; in milliseconds since the epoch. */
  let offlineSince: number | null = null;
  let sentToken: string | null = null;
  let isTokenRefused = false;

  const client = createClient({
    url,
    webSocketImpl,
    connectionParams: createConnectionParams,
    connectionAckWaitTimeout: ackTimeoutMs,
    keepAlive: keepAliveMs,
    lazyCloseTimeout: lazyCloseMs,
    retryAttempts: Number.POSITIVE_INFINITY,
    // A failed connection is an `error` event without a close code in browsers; by default it is not retried.
    shouldRetry: () => true,
    retryWait: waitForRetry,
    on: {
      connecting: () => connection.get().state === 'idle' && connection.set({ state: 'connecting' }),
      opened: (socket) => {
        open = socket as WebSocket;
      },
      connected: () => connection.set({ state: 'connected' }),
      ping: (isReceived) => isReceived || expectPong(),
      pong: (isReceived) => isReceived && onPong(),
      closed: (event) => onClosed(Reflect.get(Object(event), 'code')),
    },
  });
  const stopListening = listenToBrowser({ wake, onOffline });

  return {
    subscribe,
    connection,
    wake,
    dispose() {
      stopListening();
      clearTimeout(pongTimer);
      disposed.abort();
      retryDelay.abort();
      // It rejects if it waits for a connection that has become needless.
      void Promise.resolve(client.dispose()).catch(() => undefined);
    },
  };

  async function createConnectionParams(): Promise<Record<string, unknown>> {
    sentToken = await session.token();
    return sentToken === null ? {} : { authorization: `Bearer ${sentToken}` };
  }

  /** Must not reject: graphql-ws would never connect again. */
  async function waitForRetry(attempt: number): Promise<void> {
    retryDelay = new AbortController();
    if (isTokenRefused && sentToken !== null) await session.renew(sentToken).catch(() => undefined);
    isTokenRefused = false;
    await pause(backoff(attempt), retryDelay.signal);
  }

  function expectPong(timeoutMs = pongTimeoutMs): void {
    clearTimeout(pongTimer);
    pongTimer = setTimeout(() => client.terminate(), timeoutMs);
  }

  function onPong(): void {
    clearTimeout(pongTimer);
    offlineSince = null;
  }

  function onClosed(code: unknown): void {
    clearTimeout(pongTimer);
    open = undefined;
    if (code === tokenRefused) isTokenRefused = true;
    if (code === normalClosure) connection.set({ state: 'idle' });
    else if (connection.get().state !== 'reconnecting')
      connection.set({ state: 'reconnecting', since: offlineSince ?? Date.now() });
    offlineSince = null;
  }

  function wake(): void {
    retryDelay.abort();
    ping(pongTimeoutMs);
  }

  /** The server may be on this machine, or reached in another way: it is asked. */
  function onOffline(): void {
    offlineSince = Date.now();
    ping(Math.min(pongTimeoutMs, offlinePongTimeoutMs));
  }

  function ping(timeoutMs: number): void {
    if (connection.get().state !== 'connected' || open === undefined || open.readyState !== open.OPEN) return;
    open.send(stringifyMessage({ type: MessageType.Ping }));
    expectPong(timeoutMs);
  }

  function subscribe(payload: Payload, sink: Sink): () => void {
    let isUnsubscribed = false;
    let stop = start();
    return () => {
      isUnsubscribed = true;
      stop();
    };

    function start(): () => void {
      return client.subscribe(payload, {
        next: (event) => sink.next(event as ExecutionResult),
        error: (reason) => (Array.isArray(reason) ? sink.error(reason) : void restart()),
        complete: () => isUnsubscribed || disposed.signal.aborted || sink.complete(),
      });
    }

    async function restart(): Promise<void> {
      if (retryDelay.signal.aborted) retryDelay = new AbortController();
      await pause(fatalRetryMs * (0.5 + Math.random()), retryDelay.signal);
      if (!isUnsubscribed && !disposed.signal.aborted) stop = start();
    }
  }
}

/**
 * Calls `wake` when the browser goes online and when the page becomes visible, and `onOffline` when it goes offline. Returns a
 * function that stops.
 */
function listenToBrowser({ wake, onOffline }: { wake: () => void; onOffline: () => void }): () => void {
  if (typeof window === 'undefined') return () => undefined;
  const onVisible = () => document.visibilityState === 'visible' && wake();
  window.addEventListener('online', wake);
  window.addEventListener('offline', onOffline);
  document.addEventListener('visibilitychange', onVisible);
  return () => {
    window.removeEventListener('online', wake);
    window.removeEventListener('offline', onOffline);
    document.removeEventListener('visibilitychange', onVisible);
  };
}
