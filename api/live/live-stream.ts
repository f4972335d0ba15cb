import { type Backlog, changed, type LiveSource, type Positioned, type Reader } from './live-source.ts';
import { createStream, done, generateStream, type Stream } from './stream.ts';

/** Maximum number of items that are read at a time. */
const pageSize = 100;

/**
 * The items that one reader follows. It is either iterated, or an audience takes its source and reader and serves it
 * together with other subscriptions. In both cases `return` must be called when it is no longer needed.
 */
export interface LiveStream<Item extends Positioned> extends Stream<Item> {
  readonly source: LiveSource<Item>;
  readonly reader: Reader<Item>;
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
  let own: Stream<Item> | undefined;
  const items = {
    next() {
      own ??= generateStream((signal) => read(source, reader, signal));
      return own.next();
    },
    return: async () => own?.return() ?? done,
  };
  return Object.assign(createStream(items, onEnd), { source, reader });
}

/** Returns whether an audience can serve the stream of a subscription. */
export function isLiveStream(stream: unknown): stream is LiveStream<Positioned> {
  return typeof stream === 'object' && stream !== null && 'source' in stream && 'reader' in stream;
}

async function* read<Item extends Positioned>(source: LiveSource<Item>, reader: Reader<Item>, signal: AbortSignal) {
  for (let position = reader.position; !signal.aborted; ) {
    const version = source.version();
    const recent = source.since(position, pageSize);
    const { entries, through, more }: Backlog<Item> = recent ?? (await source.read(position, pageSize));
    let isOutdated = false;
    for (const item of entries) {
      if (signal.aborted) return;
      // The reader may have taken long for the item before.
      const current = source.current([item], version);
      if (current === null) {
        isOutdated = true;
        break;
      }
      position = item.position;
      if (current.length === 0) continue;
      const verdict = reader.judge(item);
      if (verdict instanceof Error) throw verdict;
      if (verdict !== 'skip') yield item;
    }
    if (isOutdated) continue;
    position = Math.max(position, through);
    if (!more) await changed(source, position, signal);
  }
}
