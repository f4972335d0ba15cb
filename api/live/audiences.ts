import { LRUCache } from 'lru-cache';
import {
  type Audience,
  type AudienceMetrics,
  createAudience,
  type InTurn,
  type MakePayloads,
  type Sink,
} from './audience.ts';
import type { LiveSource, Positioned } from './live-source.ts';
import type { LiveStream } from './live-stream.ts';
import type { Outbox } from './outbox/outboxes.ts';

/** What a subscription selects. */
export interface Selection {
  /** The same for those who get the same. */
  key: string;
  /** Called once an audience. */
  make(): MakePayloads<unknown>;
}

/** How much is kept made for backlogs, in bytes, and for how long, in milliseconds. */
const keptBytes = 33_554_432;
const keptMs = 10_000;

/** The audiences of this node: one a source and selection, for as long as somebody follows. */
export function createAudiences({ metrics }: { metrics: AudienceMetrics }) {
  const bySource = new Map<LiveSource<Positioned>, Map<string, Audience<Positioned>>>();
  const kept = new LRUCache<string, Promise<readonly Buffer[]>>({
    maxSize: keptBytes,
    ttl: keptMs,
    ttlAutopurge: true,
  });
  const inTurn = createTurns();

  function audienceOf(source: LiveSource<Positioned>, { key, make }: Selection): Audience<Positioned> {
    const audiences = bySource.get(source) ?? new Map<string, Audience<Positioned>>();
    bySource.set(source, audiences);
    const present = audiences.get(key);
    if (present) return present;
    const onEmpty = () => {
      audiences.delete(key);
      if (audiences.size === 0) bySource.delete(source);
    };
    const audience = createAudience({ source, make: make(), kept, inTurn, metrics, onEmpty });
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

/** One page of a backlog is under way for a socket, however many of its subscriptions are behind. */
function createTurns(): InTurn {
  const lastOf = new Map<Outbox, Promise<unknown>>();
  return async (outbox, work) => {
    const before = lastOf.get(outbox);
    const own = before ? before.then(work, work) : work();
    lastOf.set(outbox, own);
    try {
      return await own;
    } finally {
      if (lastOf.get(outbox) === own) lastOf.delete(outbox);
    }
  };
}

function withResolvers() {
  let resolve = (_end: IteratorResult<never>) => {};
  let reject = (_error: Error) => {};
  const promise = new Promise<IteratorResult<never>>((...settle) => ([resolve, reject] = settle));
  // It may fail before anybody waits for it.
  promise.catch(() => {});
  return { promise, resolve, reject };
}
