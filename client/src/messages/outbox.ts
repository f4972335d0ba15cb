import type { Client } from '@urql/core';
import type { LocalData } from '../accounts/local-data.ts';
import { type MessagePartsFragment, SendDocument } from '../gql/graphql.ts';
import { backoff, pause } from '../urql/backoff.ts';
import { createClientId } from '../urql/client-id.ts';
import { type Failure, failureOf, isPassing } from '../urql/errors.ts';
import type { Connection } from '../urql/socket.ts';
import { createValue, type Readable } from '../urql/value.ts';

/** A message on its way, or one that did not get there. */
export interface Pending {
  /** Stays the same over all tries, so that none can make a second message. */
  clientId: string;
  channelId: string;
  text: string;
  replyToId: string | null;
  /** Files that were stored for it. */
  attachmentIds: readonly string[];
  /** When it was written, ISO 8601. */
  writtenAt: string;
  state: 'sending' | 'failed';
  failure: Failure | null;
}

export interface NewMessage {
  channelId: string;
  text: string;
  replyToId: string | null;
  attachmentIds: readonly string[];
}

export interface OutboxOptions {
  client: Client;
  connection: Readable<Connection>;
  localData: LocalData;
  /** A message got its place. */
  onSent(message: MessagePartsFragment, channelId: string): void;
}

const PREFIX = 'outbox.';
/** Tries while connected before the user is asked; without a connection it waits for as long as that takes. */
const MAX_TRIES = 4;

/**
 * Messages that were written and not yet acknowledged, kept over reloads. Each channel's go out one after another, in
 * the order in which they were written. What failed stays, with its text, until it is tried again or discarded.
 */
export function createOutbox({ client, connection, localData, onSent }: OutboxOptions) {
  const pending = createValue<readonly Pending[]>(restore(localData));
  const busy = new Set<string>();
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
    /** Sends what failed once more, as the same message. */
    tryAgain(clientId: string): void {
      const message = find(clientId);
      if (message === undefined) return;
      put({ ...message, state: 'sending', failure: null });
      void drain(message.channelId);
    },
    /** Drops what failed. */
    discard: remove,
    dispose: () => disposed.abort(),
  };

  async function drain(channelId: string): Promise<void> {
    if (busy.has(channelId)) return;
    busy.add(channelId);
    for (let next = first(channelId); next && !disposed.signal.aborted; next = first(channelId)) await deliver(next);
    busy.delete(channelId);
  }

  function first(channelId: string): Pending | undefined {
    return pending.get().find((message) => message.channelId === channelId && message.state === 'sending');
  }

  async function deliver(message: Pending): Promise<void> {
    for (let tries = 1; !disposed.signal.aborted; tries += 1) {
      // One that an older version of this client kept has none.
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
      const failure = failureOf(result.error) ?? { code: 'OTHER', message: 'The server sent no answer.' };
      const isOffline = failure.code === 'NETWORK' && connection.get().state !== 'connected';
      if (!isOffline && (!isPassing(failure) || tries >= MAX_TRIES)) {
        put({ ...message, state: 'failed', failure });
        return;
      }
      await waitBeforeRetry(failure, tries);
    }
  }

  async function waitBeforeRetry({ retryAfterMs }: Failure, tries: number): Promise<void> {
    const isOver = new AbortController();
    const stop = () => isOver.abort();
    const unwatch = connection.subscribe(() => connection.get().state === 'connected' && stop());
    disposed.signal.addEventListener('abort', stop);
    await pause(retryAfterMs ?? backoff(tries), isOver.signal);
    disposed.signal.removeEventListener('abort', stop);
    unwatch();
  }

  function find(clientId: string): Pending | undefined {
    return pending.get().find((message) => message.clientId === clientId);
  }

  function put(message: Pending): void {
    const isKnown = find(message.clientId) !== undefined;
    const present = pending.get();
    pending.set(
      isKnown ? present.map((other) => (other.clientId === message.clientId ? message : other)) : [...present, message],
    );
    localData.write(PREFIX + message.clientId, message);
  }

  function remove(clientId: string): void {
    pending.set(pending.get().filter((message) => message.clientId !== clientId));
    localData.write(PREFIX + clientId, undefined);
  }
}

function restore(localData: LocalData): readonly Pending[] {
  return localData
    .keys(PREFIX)
    .map((key) => localData.read(key))
    .filter(isPending)
    .toSorted((a, b) => a.writtenAt.localeCompare(b.writtenAt));
}

function isPending(value: unknown): value is Pending {
  return typeof value === 'object' && value !== null && 'clientId' in value && 'channelId' in value && 'text' in value;
}
