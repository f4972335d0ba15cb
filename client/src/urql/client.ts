import { type Client, cacheExchange, createClient, fetchExchange } from '@urql/core';
import { authExchange } from './auth.ts';
import { liveExchange } from './live.ts';
import { retryExchange } from './retry.ts';
import type { SessionStore } from './session.ts';
import { createSocket, type Socket } from './socket.ts';

export interface ParleyOptions {
  /** Of the API, absolute, `http:` or `https:`; the socket is at the same place. */
  url: string;
  session: Pick<SessionStore<unknown>, 'token' | 'renew'>;
  /** The constructor to use where there is no global `WebSocket`. */
  webSocketImpl?: unknown;
}

/** An urql client of a Parley server, and the socket beneath its subscriptions. */
export interface Parley extends Pick<Socket, 'connection' | 'wake'> {
  client: Client;
  dispose(): void;
}

/** The server gives a send ten seconds; past this the answer is not coming. */
const REQUEST_TIMEOUT_MS = 20_000;

/**
 * Makes the client of one user: make a new one when another signs in, so that nothing of the first is left in its
 * caches. An operation passes the exchanges from top to bottom and its result the other way.
 */
export function createParley({ url, session, webSocketImpl }: ParleyOptions): Parley {
  const socket = createSocket({ url: url.replace(/^http/, 'ws'), session, webSocketImpl });
  const client = createClient({
    url,
    preferGetMethod: false,
    fetch: fetchInTime,
    exchanges: [cacheExchange, retryExchange(), authExchange(session), fetchExchange, liveExchange(socket)],
  });
  return { client, connection: socket.connection, wake: socket.wake, dispose: socket.dispose };
}

/** A file takes as long as it takes. */
const fetchInTime: typeof fetch = (input, init) => {
  if (init?.body instanceof FormData) return fetch(input, init);
  const deadline = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  return fetch(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, deadline]) : deadline });
};
