import { LRUCache } from 'lru-cache';
import { type Audience, type AudienceMetrics, createAudience, type MakePayloads, type Sink } from './audience.ts';
import type { LiveSource, Positioned } from './live-source.ts';
import type { LiveStream } from './live-stream.ts';

/** What a subscription selects. */
export interface Selection {
  /** The same for those who get the same. */
  key: string;
  /** Called once an audience. */
  make(): MakePayloads<unknown>;
}

/** How many items are kept made for backlogs, and for how long, in milliseconds. */
const keptItems = 10_000;
const keptMs = 10_000;

/** The audiences of this node: one a source and selection, for as long as somebody follows. */
export function createAudiences({ metrics }: { metrics: AudienceMetrics }) {
  const bySource = new Map<LiveSource<Positioned>, Map<string, Audience<Positioned>>>();
  const kept = new LRUCache<string, Promise<readonly Buffer[]>>({ maxSize: keptItems, ttl: keptMs });

  function audienceOf(source: LiveSource<Positioned>, { key, make }: Selection): Audience<Positioned> {
    const audiences = bySource.get(source) ?? new Map<string, Audience<Positioned>>();
    bySource.set(source, audiences);
    const present = audiences.get(key);
    if (present) return present;
    const onEmpty = () => {
      audiences.delete(key);
      if (audiences.size === 0) bySource.delete(source);
    };
    const audience = createAudience({ source, make: make(), kept, metrics, onEmpty });
    audiences.set(key, audience);
    return audience;
  }

  return {
    /** How many there are. */
    size: () => [...bySource.values()].reduce((sum, { size }) => sum + size, 0),
    /**
     * Serves a subscription: what it gets goes straight to its sink.
     * @returns ends with the subscription, and brings nothing; to be ended by `return`
     */
    serve(stream: LiveStream<Positioned>, selection: Selection, sink: Sink): AsyncIterableIterator<never> {
      const { promise, resolve, reject } = withResolvers();
      const leave = audienceOf(stream.source, selection).join(stream.reader, sink, (error) => {
        void stream.return();
        if (error) reject(error);
        else resolve(done);
      });
      return {
        next: () => promise,
        async return() {
          leave();
          return done;
        },
        [Symbol.asyncIterator]() {
          return this;
        },
      };
    },
  };
}

export type Audiences = ReturnType<typeof createAudiences>;

const done: IteratorResult<never> = { done: true, value: undefined };

function withResolvers() {
  let resolve = (_end: IteratorResult<never>) => {};
  let reject = (_error: Error) => {};
  const promise = new Promise<IteratorResult<never>>((...settle) => ([resolve, reject] = settle));
  // It may fail before anybody waits for it.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
