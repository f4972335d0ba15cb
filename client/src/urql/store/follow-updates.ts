import type { Client, OperationResult } from '@urql/core';
import { backoff, pause } from '../backoff.ts';
import { type Failure, toFailure } from '../errors.ts';
import { FirstCursorDocument, UpdatesDocument } from '../gql/graphql.ts';
import type { Connection } from '../socket.ts';
import type { Readable } from '../value.ts';
import type { UpdateEvent } from './types.ts';

/** Options of `followUpdates`. */
export interface FollowOptions {
  client: Pick<Client, 'query' | 'subscription'>;
  connection: Readable<Connection>;
  /** The newest cursor whose update is part of the state; null if there is no state. */
  cursor: string | null;
  /**
   * Replaces the whole state by that of the server. Called when there is no cursor, or none that the server can resume
   * from. Resolves with a failure to be called again later.
   */
  load(): Promise<Failure | null>;
  /** Applies an update. The cursor counts as reached afterwards. */
  onEvent(event: UpdateEvent): void;
  /** Called when the server ends the stream, or nothing can be loaded. It is tried again. */
  onFailure(failure: Failure): void;
}

/** How long the stream may be silent: the server sends a sign of life every 25 s at the latest. */
const maxSilenceMs = 40_000;

/**
 * Follows everything that concerns the viewer by the subscription `updates`, across lost connections, until `stop` is
 * called. The cursor is taken before the state is loaded, so that the stream includes everything that the state may lack.
 * The variable `after` is a getter: graphql-ws reads it at each reconnect, so each reconnect resumes where the last
 * connection ended.
 */
export function followUpdates({ client, connection, cursor: initial, load, onEvent, onFailure }: FollowOptions) {
  const stopped = new AbortController();
  let cursor = initial;
  let isLoaded = initial !== null;
  let attempt = 0;
  let unsubscribe = () => {};
  let watchdog: ReturnType<typeof setTimeout> | undefined;

  void start();
  return {
    /** Returns the cursor up to which the state is complete; null while there is no state. */
    cursor: () => (isLoaded ? cursor : null),
    stop() {
      stopped.abort();
      clearTimeout(watchdog);
      unsubscribe();
    },
  };

  async function start(): Promise<void> {
    const failure = await prepare();
    if (stopped.signal.aborted) return;
    if (failure) recover(failure);
    else subscribe();
  }

  /** Takes a cursor and loads the state, unless there is one. */
  async function prepare(): Promise<Failure | null> {
    if (cursor === null) {
      const { data, error } = await client
        .query(FirstCursorDocument, {}, { requestPolicy: 'network-only' })
        .toPromise();
      cursor = data?.updates?.cursor ?? null;
      if (cursor === null) return toFailure(error) ?? { code: 'OTHER', message: 'The server sent no cursor.' };
    }
    if (isLoaded || stopped.signal.aborted) return null;
    const failure = await load();
    isLoaded = failure === null;
    return failure;
  }

  function subscribe(): void {
    const variables = {
      get after() {
        return cursor;
      },
    };
    const subscription = client.subscription(UpdatesDocument, variables).subscribe((result) => {
      const update = result.error === undefined ? result.data?.updates : undefined;
      if (update) apply(update);
      if (result.error !== undefined || !result.hasNext) end(result);
    });
    unsubscribe = subscription.unsubscribe;
    watch();
  }

  function apply({ cursor: next, event }: { cursor: string; event: UpdateEvent }): void {
    attempt = 0;
    onEvent(event);
    cursor = next;
    watch();
  }

  function watch(): void {
    clearTimeout(watchdog);
    const check = () => (connection.get().state === 'connected' ? void again(0) : watch());
    watchdog = setTimeout(check, maxSilenceMs);
  }

  /** Ends the subscription after any error, even one that left it open: resuming fetches the event again. */
  function end(result: OperationResult): void {
    const failure = toFailure(result.error) ?? { code: 'UNAVAILABLE', message: 'The server ended the stream.' };
    // Deferred: if the first result is an error, `client.subscribe` has not returned `unsubscribe` yet.
    queueMicrotask(() => recover(failure));
  }

  function recover(failure: Failure): void {
    unsubscribe();
    clearTimeout(watchdog);
    if (failure.code === 'RESYNC_REQUIRED' || failure.code === 'BAD_USER_INPUT') {
      cursor = null;
      isLoaded = false;
    } else onFailure(failure);
    void again(failure.retryAfterMs ?? (attempt === 0 && cursor === null ? 0 : backoff(attempt)));
  }

  async function again(delayMs: number): Promise<void> {
    attempt += 1;
    unsubscribe();
    await pause(delayMs, stopped.signal);
    if (!stopped.signal.aborted) await start();
  }
}
