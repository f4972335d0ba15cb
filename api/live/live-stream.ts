import { type Backlog, changed, type LiveSource, type Positioned, type Reader } from './live-source.ts';
import { createStream } from './stream.ts';

/** How many items are taken at a time. */
const pageSize = 100;

/**
 * What one reader follows: an iterator of its own, or, taken apart, a reader that an audience serves from the same source
 * together with others. Either way it is to be ended by `return`.
 */
export interface LiveStream<Item extends Positioned> extends AsyncIterableIterator<Item> {
  readonly source: LiveSource<Item>;
  readonly reader: Reader<Item>;
  return(): Promise<IteratorResult<Item>>;
}

/**
 * @param onEnd called once, whichever way it ends, even when it was never read
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

/** Whether what a subscription follows can be served by an audience. */
export function isLiveStream(stream: unknown): stream is LiveStream<Positioned> {
  return typeof stream === 'object' && stream !== null && 'source' in stream && 'reader' in stream;
}

async function* read<Item extends Positioned>(source: LiveSource<Item>, reader: Reader<Item>, signal: AbortSignal) {
  for (let position = reader.position; !signal.aborted; ) {
    const held = source.since(position, pageSize);
    const { entries, through, more }: Backlog<Item> = held ?? (await source.read(position, pageSize));
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
