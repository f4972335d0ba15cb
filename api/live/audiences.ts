import { LRUCache } from 'lru-cache';
import { ignore } from '../ignore.ts';
import { type Audience, createAudience } from './audience.ts';
import { type BacklogBudget, createBacklogBudget } from './backlog-budget.ts';
import { createExecutionQueue, type ExecutionQueue } from './execution-queue.ts';
import { createExecutionRounds, type RunInRound } from './execution-rounds.ts';
import { type Charge, createLivePoints, type LivePointBounds, type Share } from './live-points.ts';
import type { LiveSource, Positioned, Reader } from './live-source.ts';
import type { LiveStream } from './live-stream.ts';
import type { AudienceMetrics, MakePayloads, PayloadCache, RetryBounds } from './page-loader.ts';
import { createCursorFrameEncoder, createFrameEncoder } from './result-frames.ts';
import { createSerializer } from './serializer.ts';
import { createEmptyStream, type Stream } from './stream.ts';
import type { Sink } from './subscriber.ts';
import type { LookUpValues } from './viewer-marks.ts';

/** The fields and variables that a subscription executes over each item. */
export interface Selection extends Charge {
  /** Equal for subscriptions whose payloads are equal. */
  key: string;
  /** Whether the payloads have a place for the cursor of each subscription. */
  hasCursor?: boolean;
  /** Returns the function that executes the selection. Called once for each audience. */
  make(): MakePayloads<unknown>;
  /** Looks up values that depend on the viewer, where payloads have marks with keys. */
  lookUp?: LookUpValues;
}

/** The part of a subscription that follows one of its sources. */
export interface Attachment {
  /** Ends it. */
  leave(): void;
  /** Whether it has less than the live subscribers. */
  isBehind(): boolean;
  /** Returns the position up to which all live subscribers with this selection have everything; infinite without one. */
  position(): number;
}

/** See `createAudiences`. */
export interface AudiencesOptions {
  metrics: AudienceMetrics;
  bounds: LivePointBounds;
  onRefused(limit: string): void;
  backlog?: BacklogBudget;
  queue?: ExecutionQueue;
  retries?: RetryBounds;
}

/** An audience and the points that it costs. */
interface Member {
  audience: Audience<Positioned>;
  share: Share;
}

/** The subscriptions to one source. */
interface Followed {
  audiences: Map<string, Member>;
  /** Number of subscriptions that are executed by themselves. */
  alone: number;
  run: RunInRound;
}

/**
 * Maximum size of the cache of backlog payloads, in bytes, and the age after which they are removed, in milliseconds.
 */
const cacheBytes = 33_554_432;
const cacheMs = 10_000;
const defaultBacklogBytes = 134_217_728;

/**
 * The audiences of a node: one for each source and selection, as long as it has subscribers.
 * @param options.bounds bounds on the points of all selections
 * @param options.onRefused counts refusals by the name of their bound, for metrics
 * @param options.backlog bounds the memory of backlog pages; without it, there is one of 128 MiB for these audiences
 * @param options.retries bounds on the retries of an audience while a service is unavailable
 */
export function createAudiences(options: AudiencesOptions) {
  const { bounds, onRefused, queue = createExecutionQueue() } = options;
  const { backlog = createBacklogBudget({ maxBytes: defaultBacklogBytes }) } = options;
  const bySource = new Map<LiveSource<Positioned>, Followed>();
  const cache: PayloadCache = new LRUCache({ maxSize: cacheBytes, ttl: cacheMs, ttlAutopurge: true });
  const serialize = createSerializer();
  const points = createLivePoints(bounds, onRefused);

  return {
    /** Number of audiences. */
    size: () => [...bySource.values()].reduce((sum, { audiences }) => sum + audiences.size, 0),
    /** Points that one event of each source would cost. */
    points: points.total,
    /** Number of executions that wait for their turn. */
    waiting: queue.size,
    serve,
    serveAlone,
    attach,
    /** See `LivePoints.charge`. */
    charge: points.charge,
  };

  /**
   * Serves a subscription: its messages go straight to its sink, without passing through an iterator. On an error, the
   * caller must end the stream.
   * @returns an iterator that yields nothing and ends with the subscription; `return` ends both. It throws the error
   *   that ended the subscription.
   * @throws RateLimitedError if no audience has this selection, and its points are above a bound; or if one has it, and they
   *   are above twice a bound of the client
   */
  function serve(stream: LiveStream<Positioned>, selection: Selection, sink: Sink): Stream<never> {
    const { audience, share } = memberOf(stream.source, selection);
    const takeBack = share.join(selection.client);
    // A subscription whose source has ended meanwhile ends within `join`.
    let leave = ignore;
    const served = createEmptyStream(() => leave());
    const joined = audience.join(stream.reader, sink, (error) => {
      takeBack();
      void stream.return();
      if (error) served.fail(error);
      else void served.return();
    });
    leave = joined.leave;
    return served;
  }

  /**
   * Attaches a subscription of several sources to one of them. Its points must have been charged to its client; they count
   * for the source once more.
   * @param onEnd called once when the subscription to the source ends, with its error if there is one; perhaps before this returns
   * @throws RateLimitedError if no audience has this selection, and its points are above the bound of the source
   */
  function attach<Item extends Positioned>(
    { source, reader }: { source: LiveSource<Item>; reader: Reader<Item> },
    selection: Selection,
    { sink, onEnd }: { sink: Sink; onEnd(error?: Error): void },
  ): Attachment {
    // Readers and sources of one item type belong together; audiences take any of them.
    const { audience, share } = memberOf(source as unknown as LiveSource<Positioned>, selection, true);
    const takeBack = share.join(selection.client, true);
    const { leave, isBehind } = audience.join(reader as unknown as Reader<Positioned>, sink, (error) => {
      takeBack();
      onEnd(error);
    });
    return { leave, isBehind, position: audience.position };
  }

  /**
   * Takes a place for a subscription that is executed by itself.
   * @returns `run` for its executions, and `release`, which must be called once when it has ended
   * @throws RateLimitedError if its points are above a bound
   */
  function serveAlone(source: LiveSource<Positioned>, charge: Charge): { run: RunInRound; release(): void } {
    const takeBack = points.open(source, charge).join(charge.client);
    const followed = follow(source);
    followed.alone++;
    return {
      run: followed.run,
      release() {
        takeBack();
        followed.alone--;
        forgetUnused(source, followed);
      },
    };
  }

  /** @param isPaid see `LivePoints.open` */
  function memberOf(source: LiveSource<Positioned>, selection: Selection, isPaid = false): Member {
    const present = bySource.get(source)?.audiences.get(selection.key);
    if (present) return present;
    const share = points.open(source, selection, isPaid);
    const followed = follow(source);
    const onEmpty = () => {
      followed.audiences.delete(selection.key);
      forgetUnused(source, followed);
    };
    const { run } = followed;
    const make = selection.make();
    const { lookUp } = selection;
    const createEncoder = selection.hasCursor ? createCursorFrameEncoder : createFrameEncoder;
    const parts = { make, run, lookUp, cache, backlog, createEncoder, serialize, onEmpty };
    const audience = createAudience({ ...options, source, ...parts });
    const member = { audience, share };
    followed.audiences.set(selection.key, member);
    return member;
  }

  function follow(source: LiveSource<Positioned>): Followed {
    const present = bySource.get(source);
    if (present) return present;
    const followed = { audiences: new Map(), alone: 0, run: createExecutionRounds(source, queue) };
    bySource.set(source, followed);
    return followed;
  }

  function forgetUnused(source: LiveSource<Positioned>, { audiences, alone }: Followed): void {
    if (audiences.size === 0 && alone === 0) bySource.delete(source);
  }
}

/** The audiences of a node. */
export type Audiences = ReturnType<typeof createAudiences>;
