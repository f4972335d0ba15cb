import type { Signals, Topic } from '../../events.ts';
import { type PubSub, SubscriberOverflowError } from './pubsub.ts';

/**
 * A subscription as an async iterable for one reader: `PubSub.stream` over `PubSub.subscribe`.
 * @param options.limit how many messages may wait to be read
 * @param options.signal ends it
 */
export async function createBoundedStream<T extends Topic>(
  subscribe: PubSub['subscribe'],
  topic: T,
  { limit, signal }: { limit: number; signal: AbortSignal },
): Promise<AsyncIterable<Signals[T]>> {
  const waiting: Signals[T][] = [];
  let overflown = false;
  let wake = () => {};

  const unsubscribe = await subscribe(topic, (message) => {
    overflown ||= waiting.length >= limit;
    if (!overflown) waiting.push(message);
    wake();
  });
  const end = () => {
    wake();
    void unsubscribe();
  };
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });

  async function* read() {
    try {
      while (!signal.aborted) {
        const message = waiting.shift();
        if (message !== undefined) yield message;
        else if (overflown) throw new SubscriberOverflowError(`more than ${limit} messages of ${topic} were waiting`);
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      await unsubscribe();
    }
  }

  return read();
}
