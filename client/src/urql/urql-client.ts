import { type Client, cacheExchange, createClient, fetchExchange } from '@urql/core';
import { createAuthExchange } from './auth-exchange.ts';
import { createRetryExchange } from './retry-exchange.ts';
import type { TokenSource } from './session.ts';
import { createSocket, type Socket, type SocketTiming } from './socket.ts';
import { createSubscriptionExchange } from './subscription-exchange.ts';

/** Options of `createUrqlClient`. */
export interface UrqlClientOptions {
  /** Absolute URL of the API, `http:` or `https:`. The WebSocket uses the same URL with `ws:` or `wss:`. */
  url: string;
  session: TokenSource;
  /** The `WebSocket` constructor, for environments without a global one. */
  webSocketImpl?: unknown;
  timing?: SocketTiming | undefined;
}

/** An urql client of a Parley server, and the state of the socket that carries its subscriptions. */
export interface UrqlClient extends Pick<Socket, 'connection' | 'wake'> {
  client: Client;
  dispose(): void;
}

/** The server gives up on a send after ten seconds; a response that takes longer than this will not come. */
const requestTimeoutMs = 20_000;

/**
 * Creates the client of one user. Create a new one when another user signs in, so that no data of the first is left in
 * its cache. See README.md for the order of the exchanges.
 */
export function createUrqlClient({ url, session, webSocketImpl, timing }: UrqlClientOptions): UrqlClient {
  const socket = createSocket({ url: url.replace(/^http/, 'ws'), session, webSocketImpl, timing });
  const client = createClient({
    url,
    preferGetMethod: false,
    fetch: fetchWithTimeout,
    exchanges: [
      cacheExchange,
      createSubscriptionExchange(socket),
      createRetryExchange(),
      createAuthExchange(session),
      fetchExchange,
    ],
  });
  return { client, connection: socket.connection, wake: socket.wake, dispose: socket.dispose };
}

/** `fetch` with a time limit, except for uploads: a large file may take long. */
const fetchWithTimeout: typeof fetch = (input, init) => {
  if (init?.body instanceof FormData) return fetch(input, init);
  const timeout = AbortSignal.timeout(requestTimeoutMs);
  return fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, timeout]) : timeout });
};
