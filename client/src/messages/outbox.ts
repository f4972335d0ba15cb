import type { Client } from '@urql/core';
import type { LocalData } from '../accounts/local-data.ts';
import { type MessagePartsFragment, SendDocument } from '../gql/graphql.ts';
import { backoff, pause } from '../urql/backoff.ts';
import { createClientId } from '../urql/client-id.ts';
import { type Failure, isTransient, toFailure } from '../urql/errors.ts';
import type { Connection } from '../urql/socket.ts';
import { createValue, type Readable } from '../urql/value.ts';

/** A message that is being sent or that failed. */
export interface PendingMessage {
  /** Idempotency key, the same for every attempt, so that a retry does not create a second message. */
  clientId: string;
  channelId: string;
  text: string;
  replyToId: string | null;
  /** Ids of the uploaded files. */
  attachmentIds: readonly string[];
  /** Time of writing, ISO 8601. */
  writtenAt: string;
  state: 'sending' | 'failed';
  failure: Failure | null;
}

/** A message to send. */
export interface NewMessage {
  channelId: string;
  text: string;
  replyToId: string | null;
  attachmentIds: readonly string[];
}

/** Options of `createOutbox`. */
export interface OutboxOptions {
  client: Client;
  connection: Readable<Connection>;
  localData: LocalData;
  /** Called with each message that the server accepted. */
  onSent(message: MessagePartsFragment, channelId: string): void;
}

const keyPrefix = 'outbox.';
/** Attempts while connected, before the message fails. Without a connection there is no limit. */
const maxAttempts = 4;

/**
 * Creates the queue of messages that the server has not acknowledged yet. It is kept across reloads. Each channel's
 * messages are sent one after another, in the order in which they were written. A failed message stays in the queue
 * until the user retries or discards it.
 */
export function createOutbox({ client, connection, localData, onSent }: OutboxOptions) {
  const pending = createValue<readonly PendingMessage[]>(restore(localData));
  const sending = new Set<string>();
  const disposed = new AbortController();
  for (const { channelId } of pending.get()) void drain(channelId);

  return {
    get: pending.get,
    subscribe: pending.subscribe,
    send(message: NewMessage): void {
      const writtenAt = new Date().toISOString();
      put({ ...message, clientId: createClientId(), writtenAt, state: 'sending', failure: null });
      void drain(message.channelId);
    },
    /** Sends a failed message again, with the same `clientId`. */
    retry(clientId: string): void {
      const message = find(clientId);
      if (message === undefined) return;
      put({ ...message, state: 'sending', failure: null });
      void drain(message.channelId);
    },
    /** Removes a failed message. */
    discard: remove,
    dispose: () => disposed.abort(),
  };

  async function drain(channelId: string): Promise<void> {
    if (sending.has(channelId)) return;
    sending.add(channelId);
    for (let next = first(channelId); next && !disposed.signal.aborted; next = first(channelId)) await deliver(next);
    sending.delete(channelId);
  }

  function first(channelId: string): PendingMessage | undefined {
    return pending.get().find((message) => message.channelId === channelId && message.state === 'sending');
  }

  async function deliver(message: PendingMessage): Promise<void> {
    for (let attempt = 1; !disposed.signal.aborted; attempt += 1) {
      // Messages stored by older versions of this client have no `attachmentIds`.
      const { channelId, text, replyToId, clientId, attachmentIds = [] } = message;
      const result = await client
        .mutation(SendDocument, { input: { channelId, text, replyToId, clientId, attachmentIds: [...attachmentIds] } })
        .toPromise();
      if (disposed.signal.aborted) return;
      if (result.data?.send) {
        onSent(result.data.send.message, channelId);
        remove(clientId);
        return;
      }
      const failure = toFailure(result.error) ?? { code: 'OTHER', message: 'The server sent no result.' };
      const isOffline = failure.code === 'NETWORK' && connection.get().state !== 'connected';
      if (!isOffline && (!isTransient(failure) || attempt >= maxAttempts)) {
        put({ ...message, state: 'failed', failure });
        return;
      }
      await waitBeforeRetry(failure, attempt);
    }
  }

  async function waitBeforeRetry({ retryAfterMs }: Failure, attempt: number): Promise<void> {
    const stopped = new AbortController();
    const stop = () => stopped.abort();
    const stopWatching = connection.subscribe(() => connection.get().state === 'connected' && stop());
    disposed.signal.addEventListener('abort', stop);
    await pause(retryAfterMs ?? backoff(attempt), stopped.signal);
    disposed.signal.removeEventListener('abort', stop);
    stopWatching();
  }

  function find(clientId: string): PendingMessage | undefined {
    return pending.get().find((message) => message.clientId === clientId);
  }

  function put(message: PendingMessage): void {
    const isKnown = find(message.clientId) !== undefined;
    const present = pending.get();
    pending.set(
      isKnown ? present.map((other) => (other.clientId === message.clientId ? message : other)) : [...present, message],
    );
    localData.write(keyPrefix + message.clientId, message);
  }

  function remove(clientId: string): void {
    pending.set(pending.get().filter((message) => message.clientId !== clientId));
    localData.write(keyPrefix + clientId, undefined);
  }
}

function restore(localData: LocalData): readonly PendingMessage[] {
  return localData
    .keys(keyPrefix)
    .map((key) => localData.read(key))
    .filter(isPending)
    .toSorted((a, b) => a.writtenAt.localeCompare(b.writtenAt));
}

function isPending(value: unknown): value is PendingMessage {
  return typeof value === 'object' && value !== null && 'clientId' in value && 'channelId' in value && 'text' in value;
}
