import { type Backlog, changed, type LiveSource, type Positioned, type Reader } from './live-source.ts';
import { createStream } from './stream.ts';

/** Maximum number of items that are read at a time. */
const pageSize = 100;

/**
 * The items that one reader follows. It is either iterated, or an audience takes its source and reader and serves it
 * together with other subscriptions. In both cases `return` must be called when it is no longer needed.
 */
export interface LiveStream<Item extends Positioned> extends AsyncIterableIterator<Item> {
  readonly source: LiveSource<Item>;
  readonly reader: Reader<Item>;
  return(): Promise<IteratorResult<Item>>;
}

/**
 * Returns the stream of a reader. As an iterator it yields the items after the reader's position, in order, each
 * position at most once, and throws the error of the reader or of the source that ends it.
 * @param onEnd called once when the stream ends, even if it was never read
 */
export function createLiveStream<Item extends Positioned>(
  source: LiveSource<Item>,
  reader: Reader<Item>,
  onEnd: () => void,
): LiveStream<Item> {
  let own: AsyncIterableIterator<Item> | undefined;
  let hasEnded = false;

  function end(): void {
    if (!hasEnded) onEnd();
    hasEnded = true;
  }

  return {
    source,
    reader,
    async next() {
      if (hasEnded) return { done: true, value: undefined };
      own ??= createStream((signal) => read(source, reader, signal), end);
      return own.next();
    },
    async return() {
      end();
      await own?.return?.();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** Returns whether an audience can serve the stream of a subscription. */
export function isLiveStream(stream: unknown): stream is LiveStream<Positioned> {
  return typeof stream === 'object' && stream !== null && 'source' in stream && 'reader' in stream;
}

async function* read<Item extends Positioned>(source: LiveSource<Item>, reader: Reader<Item>, signal: AbortSignal) {
  for (let position = reader.position; !signal.aborted; ) {
    const recent = source.since(position, pageSize);
    const { entries, through, more }: Backlog<Item> = recent ?? (await source.read(position, pageSize));
    for (const item of entries) {
      if (signal.aborted) return;
      const verdict = reader.judge(item);
      if (verdict instanceof Error) throw verdict;
      if (verdict !== 'skip') yield item;
    }
    position = Math.max(position, through);
    if (!more) await changed(source, position, signal);
  }
}
