import { createFrameEncoder, groupByBytes, totalBytes } from './frames.ts';
import type { LiveSource, Positioned } from './live-source.ts';
import type { AudienceMetrics, PageLoader } from './page-loader.ts';
import { filterForReader, payloadsOf } from './reader-filter.ts';
import type { Serialize } from './serializer.ts';
import type { Subscriber } from './subscriber.ts';

/** Number of items in the first page of a backlog, and the maximum number in a page. */
const firstPageSize = 25;
const maxPageSize = 100;
/** Target size of a page, in bytes. The number of items adapts to it by the size of the page before. */
const pageBytes = 262_144;
/** Maximum number of bytes that are sent before the peer must have taken them. */
const groupBytes = 65_536;

/** Items with their payloads. */
interface Page<Item> {
  items: readonly Item[];
  payloads: readonly Buffer[];
  /** The source's version before the items were read. */
  version: number;
}

/** See `createCatchUp`. */
interface CatchUpOptions<Item extends Positioned> {
  source: LiveSource<Item>;
  loader: PageLoader<Item>;
  serialize: Serialize;
  metrics: AudienceMetrics;
  onCaughtUp(subscriber: Subscriber<Item>): void;
  onError(subscriber: Subscriber<Item>, error: unknown): void;
}

/**
 * Returns a function that sends a subscriber its backlog, at the pace of its peer: every item after its position, in
 * order, each at least in its newest state. It stops when the subscription ends.
 * @param options.serialize keeps a socket from loading several pages at once
 * @param options.onCaughtUp called when the subscriber has everything that the source has
 * @param options.onError called with the error that ends the subscriber: of its reader or of the source
 */
export function createCatchUp<Item extends Positioned>(options: CatchUpOptions<Item>) {
  const { source, loader, serialize, metrics, onCaughtUp, onError } = options;

  return async function catchUp(subscriber: Subscriber<Item>): Promise<void> {
    let pageSize = firstPageSize;
    try {
      while (subscriber.onEnd) {
        // Throws if the source has ended. Nothing here listened for that meanwhile.
        source.since(subscriber.position, 0);
        if (source.last() <= subscriber.position) return onCaughtUp(subscriber);
        pageSize = await serialize(subscriber.outbox, () => sendPage(subscriber, pageSize));
      }
    } catch (error) {
      onError(subscriber, error);
    }
  };

  /** Sends the next items, and returns the size of the page after them. */
  async function sendPage(subscriber: Subscriber<Item>, pageSize: number): Promise<number> {
    if (!subscriber.onEnd) return pageSize;
    const version = source.version();
    const { entries, through } = await loader.read(subscriber.position, pageSize);
    const payloads = entries.length > 0 ? await makePayloads(subscriber, entries) : [];
    const isSent = payloads.length === 0 || (await send(subscriber, { items: entries, payloads, version }));
    if (isSent) subscriber.position = Math.max(subscriber.position, through);
    return nextPageSize(pageSize, totalBytes(payloads));
  }

  /** Returns the payload of each item: shared ones, except where the reader needs one of its own. */
  async function makePayloads(subscriber: Subscriber<Item>, items: readonly Item[]): Promise<readonly Buffer[]> {
    const shared = await loader.executeCached(items);
    const { alone } = filterForReader(subscriber, items, shared);
    if (alone.length === 0) return shared;
    const payloads = [...shared];
    const own = await loader.execute(alone, subscriber.viewer);
    for (const [n, item] of alone.entries()) payloads[items.indexOf(item)] = own[n] ?? Buffer.alloc(0);
    return payloads;
  }

  /**
   * Sends the payloads that the reader gets, in groups, each when the peer has taken the group before.
   * @returns false if the rest must be made again, because an item was replaced meanwhile
   */
  async function send(subscriber: Subscriber<Item>, page: Page<Item>): Promise<boolean> {
    const { items, payloads, error } = filterForReader(subscriber, page.items, page.payloads);
    let sent = 0;
    for (const group of groupByBytes(payloads, groupBytes)) {
      if (!subscriber.onEnd) break;
      // Messages that a later group quotes may be outdated, too. The first one is sent in any case, so that each page gets on.
      if (sent > 0 && source.version() !== page.version) return false;
      const own = items.slice(sent, sent + group.length);
      const current = source.current(own, page.version);
      if (current === null) return false;
      await sendGroup(subscriber, payloadsOf(current, own, group));
      sent += group.length;
      subscriber.position = own.at(-1)?.position ?? subscriber.position;
    }
    if (error) throw error;
    return true;
  }

  async function sendGroup(subscriber: Subscriber<Item>, payloads: readonly Buffer[]): Promise<void> {
    if (payloads.length === 0) return;
    metrics.delivered(payloads.length);
    await subscriber.outbox.send(createFrameEncoder(payloads)(subscriber.idJson), 'backlog');
  }
}

/**
 * Returns the number of items that fill a page, by the size of the last page; at most twice as many as that one had.
 */
function nextPageSize(pageSize: number, bytes: number): number {
  const growth = Math.min(2, pageBytes / Math.max(1, bytes));
  return Math.min(maxPageSize, Math.max(1, Math.floor(pageSize * growth)));
}
