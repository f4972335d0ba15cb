import { createClient, type ExecutionResult, MessageType, stringifyMessage } from 'graphql-ws';
import { backoff, pause } from './backoff.ts';
import type { SessionStore } from './session.ts';
import { createValue, type Readable } from './value.ts';

/** How the socket is. `idle`: nothing is subscribed to, so none is open. */
export type Connection =
  | { readonly state: 'idle' | 'connecting' | 'connected' }
  /** `since`: when the connection was lost, in milliseconds of `Date.now()`. */
  | { readonly state: 'reconnecting'; readonly since: number };

export interface Payload {
  query: string;
  operationName?: string;
  variables?: Record<string, unknown> | null | undefined;
}

interface Sink {
  next(event: ExecutionResult): void;
  /** The server ended it with these `GraphQLError`s. A lost connection is no error: the socket comes back by itself. */
  error(reason: unknown): void;
  complete(): void;
}

/** One graphql-transport-ws connection for all subscriptions, that comes back by itself for as long as it is wanted. */
export interface Socket {
  /** Subscribes now and again after every reconnect, reading `payload` anew each time. Returns what ends it. */
  subscribe(payload: Payload, sink: Sink): () => void;
  connection: Readable<Connection>;
  /** Tries at once instead of waiting out a retry; connected, makes sure that the connection is alive. */
  wake(): void;
  dispose(): void;
}

export interface SocketOptions {
  /** `ws:` or `wss:`. */
  url: string;
  session: Pick<SessionStore<unknown>, 'token' | 'renew'>;
  /** The constructor to use where there is no global `WebSocket`. */
  webSocketImpl?: unknown;
}

/** A connection that was silent for so long is asked for a sign of life. */
const KEEP_ALIVE_MS = 12_000;
/** Without one for so long it is given up: a network that was pulled sends no close. */
const PONG_TIMEOUT_MS = 5_000;
const ACK_TIMEOUT_MS = 10_000;
/** The socket is kept for so long after its last subscription, for whoever moves from one screen to the next. */
const LINGER_MS = 5_000;
/** Between tries after a close code that graphql-ws calls fatal. */
const FATAL_RETRY_MS = 30_000;
const TOKEN_REFUSED = 4403;
const NORMAL_CLOSURE = 1000;

/**
 * Close codes and what is done about them:
 *
 * - 4403 (token refused, expired or revoked): the token is renewed, then the socket connects again.
 * - 1012, 1013 (restart, overload), 1006, 4408, 4499 and other ends of a connection: it connects again after a wait
 *   with jitter that grows to fifteen seconds (`backoff.ts`), sooner when the browser comes online or into view.
 * - 1008, 1009, 1011, 4400, 4401, 4406, 4409, 4429, 4500: graphql-ws gives up and fails every subscription. Some of
 *   these are faults of this client, others come from a proxy in between that is being restarted, and a chat that
 *   stays silent until someone reloads it helps nobody: they are subscribed to again, but only every half minute.
 */
export function createSocket({ url, session, webSocketImpl }: SocketOptions): Socket {
  const connection = createValue<Connection>({ state: 'idle' });
  const disposed = new AbortController();
  let waiting = new AbortController();
  let open: WebSocket | undefined;
  let pongTimer: ReturnType<typeof setTimeout> | undefined;
  let sentToken: string | null = null;
  let isTokenRefused = false;

  const client = createClient({
    url,
    webSocketImpl,
    connectionParams: identify,
    connectionAckWaitTimeout: ACK_TIMEOUT_MS,
    keepAlive: KEEP_ALIVE_MS,
    lazyCloseTimeout: LINGER_MS,
    retryAttempts: Number.POSITIVE_INFINITY,
    // Browsers report a failed connection as an `error` event without a code, which the default does not retry.
    shouldRetry: () => true,
    retryWait: waitForRetry,
    on: {
      connecting: () => connection.get().state === 'idle' && connection.set({ state: 'connecting' }),
      opened: (socket) => {
        open = socket as WebSocket;
      },
      connected: () => connection.set({ state: 'connected' }),
      ping: (isReceived) => isReceived || expectPong(),
      pong: (isReceived) => isReceived && clearTimeout(pongTimer),
      closed: (event) => onClosed(Reflect.get(Object(event), 'code')),
    },
  });
  const stopListening = listenToBrowser(wake);

  return {
    subscribe,
    connection,
    wake,
    dispose() {
      stopListening();
      clearTimeout(pongTimer);
      disposed.abort();
      waiting.abort();
      void client.dispose();
    },
  };

  async function identify(): Promise<Record<string, unknown>> {
    sentToken = await session.token();
    return sentToken === null ? {} : { authorization: `Bearer ${sentToken}` };
  }

  /** graphql-ws hangs for good when this rejects. */
  async function waitForRetry(attempt: number): Promise<void> {
    waiting = new AbortController();
    if (isTokenRefused && sentToken !== null) await session.renew(sentToken).catch(() => undefined);
    isTokenRefused = false;
    await pause(backoff(attempt), waiting.signal);
  }

  function expectPong(): void {
    clearTimeout(pongTimer);
    pongTimer = setTimeout(() => client.terminate(), PONG_TIMEOUT_MS);
  }

  function onClosed(code: unknown): void {
    clearTimeout(pongTimer);
    open = undefined;
    if (code === TOKEN_REFUSED) isTokenRefused = true;
    if (code === NORMAL_CLOSURE) connection.set({ state: 'idle' });
    else if (connection.get().state !== 'reconnecting') connection.set({ state: 'reconnecting', since: Date.now() });
  }

  function wake(): void {
    waiting.abort();
    if (connection.get().state !== 'connected' || open === undefined || open.readyState !== open.OPEN) return;
    open.send(stringifyMessage({ type: MessageType.Ping }));
    expectPong();
  }

  function subscribe(payload: Payload, sink: Sink): () => void {
    let isOver = false;
    let stop = start();
    return () => {
      isOver = true;
      stop();
    };

    function start(): () => void {
      return client.subscribe(payload, {
        next: (event) => sink.next(event as ExecutionResult),
        error: (reason) => (Array.isArray(reason) ? sink.error(reason) : void restart()),
        complete: () => isOver || disposed.signal.aborted || sink.complete(),
      });
    }

    async function restart(): Promise<void> {
      waiting = waiting.signal.aborted ? new AbortController() : waiting;
      await pause(FATAL_RETRY_MS * (0.5 + Math.random()), waiting.signal);
      if (!isOver && !disposed.signal.aborted) stop = start();
    }
  }
}

/** Coming online or into view is when waiting any longer would be felt; going offline is when a dead socket is likely. */
function listenToBrowser(wake: () => void): () => void {
  if (typeof window === 'undefined') return () => undefined;
  const onVisible = () => document.visibilityState === 'visible' && wake();
  window.addEventListener('online', wake);
  window.addEventListener('offline', wake);
  document.addEventListener('visibilitychange', onVisible);
  return () => {
    window.removeEventListener('online', wake);
    window.removeEventListener('offline', wake);
    document.removeEventListener('visibilitychange', onVisible);
  };
}
