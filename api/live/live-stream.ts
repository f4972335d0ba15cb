import { type Backlog, changed, type LiveSource, type Positioned, type Reader } from './live-source.ts';
import { createStream, done, generateStream, type Stream } from './stream.ts';

/** How many items are taken at a time. */
const pageSize = 100;

/**
 * What one reader follows: an iterator of its own, or, taken apart, a reader that an audience serves from the same source
 * together with others. Either way it is to be ended by `return`.
 */
export interface LiveStream<Item extends Positioned> extends Stream<Item> {
  readonly source: LiveSource<Item>;
  readonly reader: Reader<Item>;
}

/**
 * @param onEnd called once, whichever way it ends, even when it was never read
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
