import type { LRUCache } from 'lru-cache';
import { DatabaseUnavailableError } from '../infra/database/database.ts';
import { totalBytes } from './frames.ts';
import type { Backlog, LiveSource, Positioned } from './live-source.ts';

/**
 * Executes a selection over items.
 * @param viewer the only reader of the result; without it the result is for the whole audience
 * @returns the payload of each item's `next` message, as JSON; null if a service that it needs is unavailable
 */
export type MakePayloads<Item> = (items: readonly Item[], viewer?: object | null) => Promise<readonly Buffer[] | null>;

/** Payloads of backlog pages, shared by all audiences of a node. The key: audience, the source's version, and positions. */
export type PayloadCache = LRUCache<string, Promise<readonly Buffer[]>>;

/** Counts the work of audiences. */
export interface AudienceMetrics {
  /** Counts items whose payloads were made. */
  executed(items: number): void;
  /** Counts items that were queued for subscribers: each item once for each of them. */
  delivered(items: number): void;
}

const retryMs = 500;
let loaderCount = 0;

/**
 * Loads the pages of an audience: reads items from its source, and makes their payloads. Everything is retried while a
 * service is unavailable, until it succeeds or the audience is empty.
 */
export function createPageLoader<Item extends Positioned>(options: {
  source: LiveSource<Item>;
  make: MakePayloads<Item>;
  cache: PayloadCache;
  metrics: AudienceMetrics;
  isEmpty(): boolean;
}) {
  const { source, make, cache, metrics, isEmpty } = options;
  const id = loaderCount++;

  return { read, execute, executeCached };

  /**
   * Returns at most `limit` items after a position, from memory or the database.
   * @throws the error that ended the source
   */
  async function read(position: number, limit: number): Promise<Backlog<Item>> {
    for (;;) {
      const recent = source.since(position, limit);
      if (recent) return recent;
      try {
        return await source.read(position, limit);
      } catch (error) {
        if (!(error instanceof DatabaseUnavailableError)) throw error;
      }
      await delay(retryMs);
      if (isEmpty()) return { entries: [], through: position, more: false };
    }
  }

  /**
   * Returns the payload of each item; none if the audience is empty.
   * @param viewer see `MakePayloads`
   */
  async function execute(items: readonly Item[], viewer?: object | null): Promise<readonly Buffer[]> {
    for (;;) {
      const payloads = await make(items, viewer);
      metrics.executed(items.length);
      if (payloads) return payloads;
      await delay(retryMs);
      if (isEmpty()) return [];
    }
  }

  /** Returns the same as `execute`, executed once for all subscribers that catch up with the same items. */
  function executeCached(items: readonly Item[]): Promise<readonly Buffer[]> {
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

const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
