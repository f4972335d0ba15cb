import { backoff, pause } from '../backoff.ts';
import { type Failure, isTransient } from '../errors.ts';
import type { MessageFieldsFragment } from '../gql/graphql.ts';
import type { Locks } from '../platform/platform.ts';
import type { Connection } from '../socket.ts';
import type { Readable } from '../value.ts';
import type { Attempt } from './deliver.ts';
import type { PendingMessage } from './pending-message.ts';
import type { PendingMessages } from './pending-messages.ts';

/** Options of `createSender`. */
export interface SenderOptions {
  pending: PendingMessages;
  connection: Readable<Connection>;
  locks: Locks;
  lockName: string;
  /** Returns false once the session has ended. Until then a refused token is a matter of its renewal. */
  isSignedIn(): boolean;
  /** Makes one attempt to send a message. */
  attempt(message: PendingMessage, signal: AbortSignal): Promise<Attempt>;
  /** Called with each message that the server accepted. */
  onSent(message: MessageFieldsFragment): void;
}

/** Attempts while connected, before a message fails. Without a connection, and in slow mode, there is no limit. */
const maxAttempts = 4;

/**
 * Creates the sender of the pending messages. While it holds the lock it sends everything that there is, each channel's messages
 * one after another; channels do not wait for each other.
 */
export function createSender({ pending, connection, locks, lockName, isSignedIn, attempt, onSent }: SenderOptions) {
  const disposed = new AbortController();
  const aborts = new Map<string, AbortController>();
  let isRunning = false;

  return {
    /** Sends everything that is pending, as soon as no other tab is sending. */
    run,
    /** Aborts the attempts to send a message. */
    abort: (clientId: string) => aborts.get(clientId)?.abort(),
    dispose() {
      disposed.abort();
      for (const controller of aborts.values()) controller.abort();
    },
  };

  function run(): void {
    if (isRunning || waitingChannels().length === 0) return;
    isRunning = true;
    void locks.request(lockName, sendAll).finally(() => {
      isRunning = false;
      run();
    });
  }

  async function sendAll(): Promise<void> {
    // The tab that held the lock before has sent some of them.
    await pending.refresh();
    const running = new Set<string>();
    await new Promise<void>((resolve) => {
      const stop = pending.subscribe(proceed);
      proceed();

      function proceed(): void {
        for (const channelId of waitingChannels()) if (!running.has(channelId)) void sendChannel(channelId);
        if (running.size > 0) return;
        stop();
        resolve();
      }

      async function sendChannel(channelId: string): Promise<void> {
        running.add(channelId);
        for (let next = first(channelId); next; next = first(channelId)) await send(next);
        running.delete(channelId);
        proceed();
      }
    });
  }

  async function send(message: PendingMessage): Promise<void> {
    const aborted = new AbortController();
    aborts.set(message.clientId, aborted);
    for (let count = 1; !aborted.signal.aborted; count += 1) {
      const present = pending.find(message.clientId);
      // Another tab has discarded it.
      if (present === undefined) break;
      const { sent, failure } = await attempt(present, aborted.signal);
      if (sent) onSent(sent);
      if (sent || aborted.signal.aborted || (await isFinal(failure, count, aborted.signal))) {
        await settle(message.clientId, failure, aborted.signal.aborted);
        break;
      }
    }
    aborts.delete(message.clientId);
  }

  /** Returns true if the message fails for good; otherwise waits until it may be sent again. */
  async function isFinal(failure: Failure, count: number, signal: AbortSignal): Promise<boolean> {
    const isOffline = failure.code === 'NETWORK' && connection.get().state !== 'connected';
    const isSlowMode = failure.code === 'RATE_LIMITED' && failure.retryAfterMs !== undefined;
    const isUnrenewed = failure.code === 'UNAUTHENTICATED' && isSignedIn();
    if (!isOffline && !isSlowMode && !isUnrenewed && (!isTransient(failure) || count >= maxAttempts)) return true;
    await pauseUntilConnected(failure.retryAfterMs ?? backoff(count), signal);
    return false;
  }

  async function settle(clientId: string, failure: Failure | null, isAborted: boolean): Promise<void> {
    const message = pending.find(clientId);
    if (message === undefined) return;
    if (failure === null) await pending.remove(message);
    else if (!isAborted) await pending.put({ ...message, state: 'failed', failure });
  }

  /** Waits, but not longer than until the connection is back. */
  async function pauseUntilConnected(ms: number, signal: AbortSignal): Promise<void> {
    const stopped = new AbortController();
    const stop = () => stopped.abort();
    const stopWatching = connection.subscribe(() => connection.get().state === 'connected' && stop());
    signal.addEventListener('abort', stop);
    await pause(ms, stopped.signal);
    signal.removeEventListener('abort', stop);
    stopWatching();
  }

  function waitingChannels(): string[] {
    if (disposed.signal.aborted) return [];
    const sending = pending.get().filter(({ state }) => state === 'sending');
    return [...new Set(sending.map(({ channelId }) => channelId))];
  }

  function first(channelId: string): PendingMessage | undefined {
    if (disposed.signal.aborted) return undefined;
    return pending.get().find((message) => message.channelId === channelId && message.state === 'sending');
  }
}
