import type { Client } from '@urql/core';
import { createClientId } from '../client-id.ts';
import type { MessageFieldsFragment } from '../gql/graphql.ts';
import type { DataStore, Platform } from '../platform/platform.ts';
import type { Connection } from '../socket.ts';
import type { Upload } from '../upload.ts';
import { createValue, type Readable } from '../value.ts';
import { createDelivery } from './deliver.ts';
import type { NewMessage, PendingMessage } from './pending-message.ts';
import { openPendingMessages } from './pending-messages.ts';
import { createSender } from './sender.ts';

/** The messages that the server has not confirmed yet, of all tabs, in the order in which they were written. */
export interface Outbox extends Readable<readonly PendingMessage[]> {
  /** Adds a message. It is sent after those of the same channel that were written before. Returns its `clientId`. */
  send(message: NewMessage): string;
  /** Sends a failed message again, with the same `clientId`. */
  retry(clientId: string): void;
  /** Removes a message, and aborts its upload. One that is on its way already may still arrive. */
  discard(clientId: string): void;
  /** Uploaded part of the files of messages that this tab is sending, from 0 to 1, by `clientId`. */
  progress: Readable<ReadonlyMap<string, number>>;
}

/** Options of `createOutbox`. */
export interface OutboxOptions {
  platform: Platform;
  /** Data of the user. */
  store: DataStore;
  /** Names the outbox: tabs of the same user share it. */
  name: string;
  client: Pick<Client, 'mutation'>;
  upload: Upload;
  connection: Readable<Connection>;
  isSignedIn(): boolean;
  /** Called with each message that the server accepted, before it leaves the outbox. */
  onSent(message: MessageFieldsFragment): void;
}

/**
 * Creates the outbox of a user. Messages are stored until the server has confirmed them, and sent in order by one tab at a
 * time: the one that holds the lock. When that tab closes, the next one goes on.
 */
export function createOutbox({ platform, store, name, client, upload, connection, isSignedIn, onSent }: OutboxOptions) {
  const signal = platform.openSignal(name);
  const pending = openPendingMessages(store, signal);
  const progress = createValue<ReadonlyMap<string, number>>(new Map());
  const attempt = createDelivery({ client, upload, pending, onProgress: setProgress });
  const sender = createSender({
    pending,
    connection,
    locks: platform.locks,
    lockName: name,
    isSignedIn,
    attempt,
    onSent: sent,
  });
  const stopListening = signal.subscribe(() => void refresh());
  const nextOrder = createOrder();
  void refresh();

  return {
    get: pending.get,
    subscribe: pending.subscribe,
    progress: { get: progress.get, subscribe: progress.subscribe },
    send,
    retry,
    discard,
    dispose() {
      stopListening();
      signal.close();
      sender.dispose();
    },
  } satisfies Outbox & { dispose(): void };

  function send({ files = [], attachmentIds = [], ...message }: NewMessage): string {
    const clientId = createClientId();
    void putAndSend({
      ...message,
      clientId,
      order: nextOrder(clientId),
      writtenAt: new Date().toISOString(),
      attachmentIds,
      files: files.map((file) => ({ key: createClientId(), file })),
      state: 'sending',
      failure: null,
    });
    return clientId;
  }

  function retry(clientId: string): void {
    const message = pending.find(clientId);
    if (message) void putAndSend({ ...message, state: 'sending', failure: null });
  }

  function discard(clientId: string): void {
    const message = pending.find(clientId);
    sender.abort(clientId);
    if (message) void pending.remove(message);
  }

  async function putAndSend(message: PendingMessage): Promise<void> {
    await pending.put(message);
    sender.run();
  }

  async function refresh(): Promise<void> {
    await pending.refresh();
    sender.run();
  }

  function sent(message: MessageFieldsFragment): void {
    const others = [...progress.get()].filter(([clientId]) => clientId !== message.clientId);
    if (others.length < progress.get().size) progress.set(new Map(others));
    onSent(message);
  }

  function setProgress(clientId: string, part: number): void {
    progress.set(new Map(progress.get()).set(clientId, part));
  }
}

/** Returns a function that makes keys in the order of its calls, after those of earlier sessions. */
function createOrder(): (clientId: string) => string {
  let last = 0;
  return (clientId) => {
    last = Math.max(last + 1, Date.now());
    return `${String(last).padStart(16, '0')}/${clientId}`;
  };
}
