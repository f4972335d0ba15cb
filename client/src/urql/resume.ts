import type { Client, OperationResult, TypedDocumentNode } from '@urql/core';
import { backoff, pause } from './backoff.ts';
import type { Entry } from './cache.ts';
import { type Failure, toFailure } from './errors.ts';

/** Options of `followMessages`. */
export interface ResumeOptions<E extends Entry> {
  client: Pick<Client, 'subscription'>;
  channelId: string;
  /** `subscription ($channelId: ID!, $after: Int) { messages(channelId: $channelId, after: $after) { … } }` */
  document: TypedDocumentNode<{ messages: E }, { channelId: string; after?: number | null }>;
  /** Highest position received before, to resume from there. Without it, `load` is called first. */
  position?: number;
  /**
   * Replaces the loaded entries with the newest page and resolves with the page's `position`. Called at the start if
   * there is no `position`, and after each RESYNC_REQUIRED. Rejects with a `LoadError`.
   */
  load(): Promise<number>;
  /** Called for each entry in order of `position`. An entry may be known already: keep the higher position. */
  onEntry(entry: E): void;
  /** Called if the subscription ended for good: the channel does not exist, or the viewer is no longer a member. */
  onEnd(failure: Failure): void;
  /** Called if a page could not be loaded. The load is retried. */
  onLoadFailure?(failure: Failure): void;
}

/** Thrown by `load` if a page could not be loaded. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/**
 * Follows a channel's messages without gaps, across lost connections, until `stop` is called.
 *
 * The subscription starts after the `position` of a loaded page, so that it includes messages sent between the two
 * requests. The follower then keeps the highest position received. The variable `after` is a getter that returns it:
 * graphql-ws serializes the variables at each reconnect, so each reconnect resumes where the last connection ended.
 * Run one follower per channel: urql treats two subscriptions with equal variables as one.
 */
export function followMessages<E extends Entry>(options: ResumeOptions<E>) {
  const { client, channelId, document, load, onEntry, onEnd, onLoadFailure } = options;
  const stopped = new AbortController();
  let position = options.position;
  let unsubscribe = () => {};
  let attempt = 0;

  void start();
  return {
    /** Returns the highest position received so far; undefined before the first page. */
    position: () => position,
    stop() {
      stopped.abort();
      unsubscribe();
    },
  };

  async function start(): Promise<void> {
    try {
      position ??= await load();
      if (!stopped.signal.aborted) subscribe(position);
    } catch (error) {
      const failure = error instanceof LoadError ? error.failure : { code: 'OTHER' as const, message: String(error) };
      recover(failure);
    }
  }

  function subscribe(from: number): void {
    let highest = from;
    const variables = {
      channelId,
      get after() {
        return position ?? highest;
      },
    };
    const subscription = client.subscription(document, variables).subscribe((result) => {
      if (result.data?.messages !== undefined && result.error === undefined) {
        highest = Math.max(highest, result.data.messages.position);
        position = highest;
        attempt = 0;
        onEntry(result.data.messages);
      }
      if (result.error !== undefined || !result.hasNext) finish(result);
    });
    unsubscribe = subscription.unsubscribe;
  }

  /** Ends the subscription after any error, even one that left it open: resuming fetches the event again. */
  function finish(result: OperationResult): void {
    // Deferred: if the first result is an error, `client.subscribe` has not returned `unsubscribe` yet.
    queueMicrotask(() => {
      unsubscribe();
      recover(toFailure(result.error));
    });
  }

  function recover(failure: Failure | null): void {
    if (stopped.signal.aborted) return;
    switch (failure?.code) {
      case 'FORBIDDEN':
      case 'NOT_FOUND':
      case 'BAD_USER_INPUT':
      case 'UNAUTHENTICATED':
        onEnd(failure);
        return;
      case 'RESYNC_REQUIRED':
        position = undefined;
        void restart(attempt === 0 ? 0 : backoff(attempt));
        return;
      default:
        if (position === undefined && failure) onLoadFailure?.(failure);
        void restart(failure?.retryAfterMs ?? backoff(attempt));
    }
  }

  async function restart(delayMs: number): Promise<void> {
    attempt += 1;
    await pause(delayMs, stopped.signal);
    if (!stopped.signal.aborted) await start();
  }
}
