import type { BacklogBudget, Portion } from './backlog-budget.ts';
import { groupByBytes, totalBytes } from './frames.ts';
import { type LiveSource, maxExecutions, type Positioned } from './live-source.ts';
import type { AudienceMetrics, PageLoader } from './page-loader.ts';
import { filterForReader, payloadsOf } from './reader-filter.ts';
import type { CreateFrameEncoder } from './result-frames.ts';
import type { Serialize } from './serializer.ts';
import type { Subscriber } from './subscriber.ts';
import type { Payload, ViewerValues } from './viewer-marks.ts';

/** Number of items in the first page of a backlog, and the maximum number in a page. */
const firstPageSize = 25;
const maxPageSize = 100;
/** Target size of a page, in bytes. The number of items adapts to it by the size of the page before. */
const pageBytes = 262_144;
/** Maximum number of bytes that are sent before the peer must have taken them. */
const groupBytes = 65_536;

/** Items that are sent together, with their payloads. */
interface Group<Item> {
  items: readonly Item[];
  payloads: readonly Payload[];
  bytes: number;
  /** The end of the page: the position up to which it is complete, or the error of the reader. */
  end?: { through: number; error: Error | undefined };
}

/** The groups that are left of a page. */
interface Page<Item> {
  groups: Group<Item>[];
  /** Memory of the whole page, in bytes. */
  bytes: number;
  /** Values of the payloads that depend on the viewer. */
  values: ViewerValues;
  /** The source's version before the items were read. */
  version: number;
}

/** See `createCatchUp`. */
interface CatchUpOptions<Item extends Positioned> {
  source: LiveSource<Item>;
  loader: PageLoader<Item>;
  backlog: BacklogBudget;
  createEncoder: CreateFrameEncoder;
  serialize: Serialize;
  metrics: AudienceMetrics;
  onCaughtUp(subscriber: Subscriber<Item>): void;
  onError(subscriber: Subscriber<Item>, error: unknown): void;
}

/**
 * Returns a function that sends a subscriber its backlog, at the pace of its peer: every item after its position, in
 * order, each at least in its newest state. It stops when the subscription ends.
 * @param options.backlog bounds the memory of pages
 * @param options.createEncoder creates the encoder of the audience's frames
 * @param options.serialize keeps a socket from loading several pages at once
 * @param options.onCaughtUp called when the subscriber has everything that the source has
 * @param options.onError called with the error that ends the subscriber: of its reader or of the source
 */
export function createCatchUp<Item extends Positioned>(options: CatchUpOptions<Item>) {
  const { source, loader, backlog, createEncoder, serialize, metrics, onCaughtUp, onError } = options;

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

  /** Sends the next items once there is memory for them, and returns the size of the page after them. */
  async function sendPage(subscriber: Subscriber<Item>, pageSize: number): Promise<number> {
    let page: Page<Item> | undefined;
    const portion = await backlog.reserve(pageBytes, () => page?.groups.splice(0));
    try {
      if (!subscriber.onEnd) return pageSize;
      page = await loadPage(subscriber, pageSize);
      await sendGroups(subscriber, page, portion);
      return nextPageSize(pageSize, page.bytes);
    } finally {
      portion.release();
    }
  }

  /** @param executions number of times that it is executed with this one */
  async function loadPage(subscriber: Subscriber<Item>, pageSize: number, executions = 1): Promise<Page<Item>> {
    const version = source.version();
    const { entries, through } = await loader.read(subscriber.position, pageSize);
    const all = entries.length > 0 ? await makePayloads(subscriber, entries) : [];
    const values = await loader.valuesOf(all, [subscriber]);
    if (source.version() !== version && executions < maxExecutions)
      return loadPage(subscriber, pageSize, executions + 1);
    const { items, payloads, error } = filterForReader(subscriber, all.length > 0 ? entries : [], all);
    let first = 0;
    const groups = groupByBytes(payloads, groupBytes).map((group): Group<Item> => {
      const own = items.slice(first, first + group.length);
      first += group.length;
      return { items: own, payloads: group, bytes: totalBytes(group) };
    });
    groups.push({ items: [], payloads: [], bytes: 0, end: { through, error } });
    return { groups, bytes: totalBytes(all), values, version };
  }

  /** Returns the payload of each item: shared ones, except where the reader needs one of its own. */
  async function makePayloads(subscriber: Subscriber<Item>, items: readonly Item[]): Promise<readonly Payload[]> {
    const shared = await loader.executeCached(items);
    const { alone } = filterForReader(subscriber, items, shared);
    if (alone.length === 0) return shared;
    const payloads = [...shared];
    const own = await loader.execute(alone, subscriber.viewer);
    for (const [n, item] of alone.entries()) payloads[items.indexOf(item)] = own[n] ?? Buffer.alloc(0);
    return payloads;
  }

  /**
   * Sends the groups of a page, each when the peer has taken the group before. It stops early, at the subscriber's new
   * position, if the rest must be loaded again: it was dropped, or an item was replaced meanwhile.
   */
  async function sendGroups(subscriber: Subscriber<Item>, page: Page<Item>, portion: Portion): Promise<void> {
    let left = page.bytes;
    let isFirst = true;
    for (let group = page.groups.shift(); group && subscriber.onEnd; group = page.groups.shift()) {
      // Messages that a later group quotes may be outdated, too. The first one is sent in any case, so that each page gets on.
      const current = isFirst || source.version() === page.version ? source.current(group.items, page.version) : null;
      if (current === null) return;
      portion.resize(left, group.bytes);
      left -= group.bytes;
      isFirst = false;
      await sendGroup(subscriber, payloadsOf(current, group.items, group.payloads), page.values);
      subscriber.position = Math.max(subscriber.position, group.items.at(-1)?.position ?? group.end?.through ?? 0);
      if (group.end?.error) throw group.end.error;
    }
  }

  async function sendGroup(
    subscriber: Subscriber<Item>,
    payloads: readonly Payload[],
    values: ViewerValues,
  ): Promise<void> {
    if (payloads.length === 0) return;
    metrics.delivered(payloads.length);
    const frames = createEncoder(payloads, values)(subscriber);
    await subscriber.outbox.send(frames, 'backlog');
  }
}

/**
 * Returns the number of items that fill a page, by the size of the last page; at most twice as many as that one had.
 */
function nextPageSize(pageSize: number, bytes: number): number {
  const growth = Math.min(2, pageBytes / Math.max(1, bytes));
  return Math.min(maxPageSize, Math.max(1, Math.floor(pageSize * growth)));
}
