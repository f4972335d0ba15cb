import { ignore } from '../../ignore.ts';
import { createEmptyStream, createStream, done, generateStream, type Stream } from '../../live/stream.ts';
import type { StreamCursor } from '../../live/stream-cursors.ts';
import type { LiveUpdate, UpdateConsumer } from './live-update.ts';
import { createPulledUpdates } from './pulled-updates.ts';
import type { UpdateStream } from './update-stream.ts';

/**
 * A stream of updates. It is either iterated, or its consumer is handed everything. In both cases `return` must be called when it
 * is no longer needed.
 */
export interface UpdateSubscription extends Stream<LiveUpdate> {
  /** The cursor after everything that was handed over. */
  readonly cursor: StreamCursor;
  /**
   * Hands everything to a consumer.
   * @param onEnd called once when it ends
   * @returns a stream that yields nothing and ends with the subscription; `return` ends both. It throws the error that ended it.
   */
  serve(consumer: UpdateConsumer, onEnd: () => void): Stream<never>;
}

/** The request of a client for a stream. */
export interface UpdateRequest {
  /** Cursor of the last update that it has; null for the present. */
  after: string | null;
  /** Whether it still waits for the stream to open; by default it does. */
  isWanted?: () => boolean;
}

/**
 * Opens the subscription of a stream.
 * @param request see `UpdateStream.open`
 * @param create returns the stream; `onEnd` must be called once when it ends
 * @throws the errors of `UpdateStream.open`
 */
export async function createSubscription(
  cursor: StreamCursor,
  request: UpdateRequest,
  create: (onEnd: (error?: Error) => void) => UpdateStream,
): Promise<UpdateSubscription> {
  const stream = create(onEnd);
  let pulled: Stream<LiveUpdate> | null = null;
  /** Ends a reading as the stream has ended. */
  let finish: (read: Stream<LiveUpdate>) => void = ignore;
  const items = { next: () => pull().next(), return: async () => pulled?.return() ?? done };
  let reading: Stream<LiveUpdate> = createStream(items, () => stream.end());
  const subscription = Object.assign(reading, { cursor, serve });
  try {
    await stream.open(request.after, request.isWanted);
    return subscription;
  } catch (error) {
    stream.end();
    throw error;
  }

  function onEnd(error?: Error): void {
    finish = (read) => {
      if (error) read.fail(error);
      else void read.return();
    };
    finish(reading);
  }

  function serve(consumer: UpdateConsumer, onServedEnd: () => void): Stream<never> {
    const served = createEmptyStream(() => {
      onServedEnd();
      stream.end();
    });
    reading = served;
    finish(served);
    stream.serve(consumer);
    return served;
  }

  function pull(): Stream<LiveUpdate> {
    if (pulled) return pulled;
    const { consumer, updates } = createPulledUpdates(cursor);
    pulled = generateStream(updates);
    stream.serve(consumer);
    return pulled;
  }
}

/** Returns whether a consumer can serve the stream of a subscription. */
export function isUpdateSubscription(stream: unknown): stream is UpdateSubscription {
  return typeof stream === 'object' && stream !== null && 'serve' in stream && 'cursor' in stream;
}
