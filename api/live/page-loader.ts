import type { LRUCache } from 'lru-cache';
import { UnavailableError } from '../errors.ts';
import { DatabaseUnavailableError } from '../infra/database/database.ts';
import type { ExecutionRound, RunInRound } from './execution-rounds.ts';
import { totalBytes } from './frames.ts';
import type { Backlog, LiveSource, Positioned } from './live-source.ts';
import {
  createValues,
  keysOf,
  knownValues,
  type LookUpValues,
  type Payload,
  type ViewerTarget,
  type ViewerValues,
} from './viewer-marks.ts';

/**
 * Executes a selection over items.
 * @param viewer the only reader of the result; null if the result is for the whole audience
 * @param round the round whose rows it may share
 * @returns the payload of each item's message, as JSON; null if a service that it needs is unavailable
 */
export type MakePayloads<Item> = (
  items: readonly Item[],
  viewer: object | null,
  round: ExecutionRound,
) => Promise<readonly Payload[] | null>;

/** Payloads of backlog pages, shared by all audiences of a node. The key: audience, the source's version, and positions. */
export type PayloadCache = LRUCache<string, Promise<readonly Payload[]>>;

/** Counts the work of audiences. */
export interface AudienceMetrics {
  /** Counts items whose execution began. */
  executed(items: number): void;
  /** Counts items that were queued for subscribers: each item once for each of them. */
  delivered(items: number): void;
  /** Counts pages that were given up, because a service stayed unavailable. */
  gaveUp(): void;
}

/** Bounds on retries while a service is unavailable, in milliseconds. */
export interface RetryBounds {
  /** Pause before the first retry; each later one is twice as long. */
  firstMs: number;
  /** Longest pause. */
  maxMs: number;
  /** Time since the first failure after which there is no further retry. */
  giveUpMs: number;
}

const defaultRetries: RetryBounds = { firstMs: 500, maxMs: 4_000, giveUpMs: 60_000 };
let loaderCount = 0;

/**
 * Loads the pages of an audience: reads items from its source, and makes their payloads. Everything is retried while a
 * service is unavailable, until it succeeds, the audience is empty, or it took too long.
 * @param options.run runs the executions of the source
 * @param options.lookUp looks up values that depend on the viewer, where payloads have marks with keys
 */
export function createPageLoader<Item extends Positioned>(options: {
  source: LiveSource<Item>;
  make: MakePayloads<Item>;
  run: RunInRound;
  lookUp?: LookUpValues | undefined;
  cache: PayloadCache;
  metrics: AudienceMetrics;
  retries?: RetryBounds;
  isEmpty(): boolean;
}) {
  const { source, make, run, lookUp, cache, metrics, retries = defaultRetries, isEmpty } = options;
  const id = loaderCount++;

  return { read, execute, executeCached, valuesOf };

  /**
   * Returns at most `limit` items after a position, from memory or the database; none if the audience is empty.
   * @throws the error that ended the source, or UnavailableError when the database is unavailable for too long
   */
  function read(position: number, limit: number): Backlog<Item> | Promise<Backlog<Item>> {
    return source.since(position, limit) ?? readDatabase(position, limit);
  }

  async function readDatabase(position: number, limit: number): Promise<Backlog<Item>> {
    const read = () => readOnce(position, limit);
    return (await read()) ?? (await retried(read)) ?? { entries: [], through: position, more: false };
  }

  /** Returns null while the database is unavailable. */
  async function readOnce(position: number, limit: number): Promise<Backlog<Item> | null> {
    try {
      return source.since(position, limit) ?? (await source.read(position, limit));
    } catch (error) {
      return nullWhileUnavailable(error);
    }
  }

  /**
   * Returns the payload of each item; none if the audience is empty.
   * @param viewer see `MakePayloads`
   * @throws UnavailableError when a service is unavailable for too long
   */
  async function execute(items: readonly Item[], viewer: object | null = null): Promise<readonly Payload[]> {
    return (await executeOnce(items, viewer)) ?? (await retried(() => executeOnce(items, viewer))) ?? [];
  }

  function executeOnce(items: readonly Item[], viewer: object | null): Promise<readonly Payload[] | null> {
    metrics.executed(items.length);
    return run(items.at(-1)?.position ?? 0, (round) => make(items, viewer, round));
  }

  /**
   * Returns the values of payloads that depend on the viewer, without a promise if nothing must be looked up.
   * @throws UnavailableError when the database is unavailable for too long
   */
  function valuesOf(
    payloads: readonly Payload[],
    targets: Iterable<ViewerTarget>,
  ): ViewerValues | Promise<ViewerValues> {
    const keys = lookUp ? keysOf(payloads) : [];
    if (lookUp === undefined || keys.length === 0) return knownValues;
    const userIds = new Set([...targets].flatMap(({ userId }) => userId ?? []));
    return look(async () => createValues(userIds, await lookUp(keys, [...userIds], source.channelId)));
  }

  async function look(work: () => Promise<ViewerValues>): Promise<ViewerValues> {
    const once = () => work().catch(nullWhileUnavailable);
    return (await once()) ?? (await retried(once)) ?? knownValues;
  }

  /** Repeats some work that has failed, and returns its first result that is not null; null if the audience is empty. */
  async function retried<Result>(work: () => Promise<Result | null>): Promise<Result | null> {
    const failedAt = performance.now();
    for (let pauseMs = retries.firstMs; ; pauseMs = Math.min(pauseMs * 2, retries.maxMs)) {
      if (performance.now() - failedAt >= retries.giveUpMs) throw giveUp();
      await delay(pauseMs);
      if (isEmpty()) return null;
      const result = await work();
      if (result !== null) return result;
    }
  }

  function giveUp(): UnavailableError {
    metrics.gaveUp();
    return new UnavailableError('The server could not load the events of this subscription: subscribe again.');
  }

  /** Returns the same as `execute`, executed once for all subscribers that catch up with the same items. */
  function executeCached(items: readonly Item[]): Promise<readonly Payload[]> {
    // Payloads may quote other messages. The version changes when one of them is edited or deleted.
    const key = `${id}:${source.version()}:${items.map(({ position }) => position)}`;
    const cached = cache.get(key);
    if (cached) return cached;
    const executing = execute(items);
    cache.set(key, executing, { size: 1 });
    executing.then(
      (payloads) =>
        cache.peek(key) === executing && cache.set(key, executing, { size: key.length + totalBytes(payloads) }),
      () => cache.delete(key),
    );
    return executing;
  }
}

/** See `createPageLoader`. */
export type PageLoader<Item extends Positioned> = ReturnType<typeof createPageLoader<Item>>;

function nullWhileUnavailable(error: unknown): null {
  if (error instanceof DatabaseUnavailableError) return null;
  throw error;
}

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
