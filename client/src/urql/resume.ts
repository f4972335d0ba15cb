import type { Client, OperationResult, TypedDocumentNode } from '@urql/core';
import { backoff, pause } from './backoff.ts';
import type { Entry } from './cache.ts';
import { type Failure, failureOf } from './errors.ts';

export interface ResumeOptions<E extends Entry> {
  client: Pick<Client, 'subscription'>;
  channelId: string;
  /** `subscription ($channelId: ID!, $after: Int) { messages(channelId: $channelId, after: $after) { … } }` */
  document: TypedDocumentNode<{ messages: E }, { channelId: string; after?: number | null }>;
  /** Continue from here: the highest position that is held already. Without it, `load` comes first. */
  position?: number;
  /**
   * Drops what is held of the channel, loads its newest page and resolves with the page's `position`. Called at the
   * start without `position`, and whenever the server says RESYNC_REQUIRED. Rejects with a `LoadError`.
   */
  load(): Promise<number>;
  /** Takes each entry, in order of `position`. An entry may come that is held already: keep the higher position. */
  onEntry(entry: E): void;
  /** Nothing more will come, and following again would not help: no member any more, or no such channel. */
  onEnd(failure: Failure): void;
  /** A page could not be loaded for now; it is tried again. */
  onTrouble?(failure: Failure): void;
}

/** Why a page could not be loaded. */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/**
 * Follows a channel's messages without a gap, over any loss of connection, until `stop` is called.
 *
 * It starts at the `position` of a page, never at nothing, so that what is sent between the page's reading and the
 * subscription comes too. From then on it keeps the highest position it has seen, and the subscription's `after` is a
 * getter of that: graphql-ws turns the variables into text at each reconnect, so each reconnect resumes from where the
 * last connection ended. Run one follower a channel: urql takes two subscriptions with equal variables for one.
 */
export function followMessages<E extends Entry>(options: ResumeOptions<E>) {
  const { client, channelId, document, load, onEntry, onEnd, onTrouble } = options;
  const stopped = new AbortController();
  let position = options.position;
  let unsubscribe = () => {};
  let attempt = 0;

  void start();
  return {
    /** The highest position received so far; undefined before the first page. */
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

  /** Errors end the operation for us even where they left it open: what came with them is asked for again. */
  function finish(result: OperationResult): void {
    // Not at once: urql has yet to give the subscription to us when its first result is an error.
    queueMicrotask(() => {
      unsubscribe();
      recover(failureOf(result.error));
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
        void again(attempt === 0 ? 0 : backoff(attempt));
        return;
      default:
        if (position === undefined && failure) onTrouble?.(failure);
        void again(failure?.retryAfterMs ?? backoff(attempt));
    }
  }

  async function again(delayMs: number): Promise<void> {
    attempt += 1;
    await pause(delayMs, stopped.signal);
    if (!stopped.signal.aborted) await start();
  }
}
