import { LRUCache } from 'lru-cache';
import { ignore } from '../ignore.ts';
import { type Audience, createAudience } from './audience.ts';
import { type BacklogBudget, createBacklogBudget } from './backlog-budget.ts';
import type { LiveSource, Positioned } from './live-source.ts';
import type { LiveStream } from './live-stream.ts';
import type { AudienceMetrics, MakePayloads, PayloadCache } from './page-loader.ts';
import { createSerializer } from './serializer.ts';
import { createEmptyStream, type Stream } from './stream.ts';
import type { Sink } from './subscriber.ts';

/** The fields and variables that a subscription executes over each item. */
export interface Selection {
  /** Equal for subscriptions whose payloads are equal. */
  key: string;
  /** Returns the function that executes the selection. Called once for each audience. */
  make(): MakePayloads<unknown>;
}

/**
 * Maximum size of the cache of backlog payloads, in bytes, and the age after which they are removed, in milliseconds.
 */
const cacheBytes = 33_554_432;
const cacheMs = 10_000;
const defaultBacklogBytes = 134_217_728;

/** The audiences of a node: one for each source and selection, as long as it has subscribers. */
export function createAudiences(options: {
  metrics: AudienceMetrics;
  /** Bounds the memory of backlog pages; without it, there is one of 128 MiB for these audiences. */
  backlog?: BacklogBudget;
}) {
  const { metrics, backlog = createBacklogBudget({ maxBytes: defaultBacklogBytes }) } = options;
  const bySource = new Map<LiveSource<Positioned>, Map<string, Audience<Positioned>>>();
  const cache: PayloadCache = new LRUCache({ maxSize: cacheBytes, ttl: cacheMs, ttlAutopurge: true });
  const serialize = createSerializer();

  return {
    /** Number of audiences. */
    size: () => [...bySource.values()].reduce((sum, { size }) => sum + size, 0),
    /**
     * Serves a subscription: its messages go straight to its sink, without passing through an iterator.
     * @returns an iterator that yields nothing and ends with the subscription; `return` ends both. It throws the error
     *   that ended the subscription.
     */
    serve(stream: LiveStream<Positioned>, selection: Selection, sink: Sink): Stream<never> {
      // A subscription whose source has ended meanwhile ends within `join`.
      let leave = ignore;
      const served = createEmptyStream(() => leave());
      leave = audienceOf(stream.source, selection).join(stream.reader, sink, (error) => {
        void stream.return();
        if (error) served.fail(error);
        else void served.return();
      });
      return served;
    },
  };

  function audienceOf(source: LiveSource<Positioned>, { key, make }: Selection): Audience<Positioned> {
    const audiences = bySource.get(source) ?? new Map<string, Audience<Positioned>>();
    bySource.set(source, audiences);
    const existing = audiences.get(key);
    if (existing) return existing;
    const onEmpty = () => {
      audiences.delete(key);
      if (audiences.size === 0) bySource.delete(source);
    };
    const audience = createAudience({ source, make: make(), cache, backlog, serialize, metrics, onEmpty });
    audiences.set(key, audience);
    return audience;
  }
}

/** The audiences of a node. */
export type Audiences = ReturnType<typeof createAudiences>;
