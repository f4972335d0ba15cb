import type { DataStore, TabSignal } from '../platform/platform.ts';
import { createValue, type Readable } from '../value.ts';
import type { PendingMessage } from './pending-message.ts';

/** The messages that are not sent yet, of all tabs, in the order in which they were written. */
export interface PendingMessages extends Readable<readonly PendingMessage[]> {
  find(clientId: string): PendingMessage | undefined;
  /** Adds or replaces a message. Resolves when it is stored. */
  put(message: PendingMessage): Promise<void>;
  remove(message: PendingMessage): Promise<void>;
  /** Reads the messages again: another tab may have changed them. */
  refresh(): Promise<void>;
}

const prefix = 'outbox/';

/** Opens the messages that are kept in `store`. Those of earlier are there after the first `refresh`. */
export function openPendingMessages(store: DataStore, signal: TabSignal): PendingMessages {
  const present = createValue<readonly PendingMessage[]>([]);
  /** Writes happen one after another, and reads after the writes that began before them. */
  let last: Promise<unknown> = Promise.resolve();

  return { get: present.get, subscribe: present.subscribe, find, put, remove, refresh: () => inTurn(read) };

  function find(clientId: string): PendingMessage | undefined {
    return present.get().find((message) => message.clientId === clientId);
  }

  function put(message: PendingMessage): Promise<void> {
    present.set(sorted([...without(message), message]));
    return inTurn(() => store.set(keyOf(message), message)).then(signal.notify);
  }

  function remove(message: PendingMessage): Promise<void> {
    present.set(without(message));
    return inTurn(() => store.delete(keyOf(message))).then(signal.notify);
  }

  async function read(): Promise<void> {
    const before = present.get();
    const stored = (await store.list(prefix)) as readonly PendingMessage[];
    if (present.get() === before) present.set(sorted(stored));
    // The change in the meantime is written behind this read.
    else void inTurn(read);
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  }

  function without({ clientId }: PendingMessage): PendingMessage[] {
    return present.get().filter((other) => other.clientId !== clientId);
  }
}

function keyOf({ order }: PendingMessage): string {
  return `${prefix}${order}`;
}

function sorted(messages: readonly PendingMessage[]): readonly PendingMessage[] {
  return messages.toSorted((a, b) => (a.order < b.order ? -1 : 1));
}
