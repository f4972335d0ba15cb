import { type LiveSource, maxExecutions, type Positioned } from './live-source.ts';
import type { AudienceMetrics, PageLoader } from './page-loader.ts';
import { filterForReader, getsAll, payloadsOf } from './reader-filter.ts';
import type { CreateFrameEncoder, EncodeFrames } from './result-frames.ts';
import type { Subscriber } from './subscriber.ts';
import type { Payload, ViewerValues } from './viewer-marks.ts';

/** Maximum number of items that are executed together. */
const maxBatchSize = 100;

/** Items with their payloads and frames, as most subscribers get them. */
interface Batch<Item> {
  items: readonly Item[];
  /** The position up to which `items` is complete. */
  through: number;
  payloads: readonly Payload[];
  /** Values of the payloads that depend on the viewer. */
  values: ViewerValues;
  encode: EncodeFrames;
}

/**
 * Delivers new items to the subscribers that are up to date. Each item is executed and framed once for all of them, and
 * each of them gets it at most once, in order of position.
 * @param options.createEncoder creates the encoder of the audience's frames
 * @param options.onBehind called with a subscriber that needs a payload of its own; it is no longer live
 * @param options.onError called with each error that ends a subscriber; the receiver must remove it
 */
export function createLiveDelivery<Item extends Positioned>(options: {
  source: LiveSource<Item>;
  loader: PageLoader<Item>;
  createEncoder: CreateFrameEncoder;
  metrics: AudienceMetrics;
  onBehind(subscriber: Subscriber<Item>): void;
  onError(subscriber: Subscriber<Item>, error: unknown): void;
}) {
  const { source, loader, createEncoder, metrics, onBehind, onError } = options;
  const subscribers = new Set<Subscriber<Item>>();
  /** Every subscriber has each item up to here. */
  let position = 0;
  let isAdvancing = false;
  /** Number of executions of the next items whose payloads were not used. */
  let outdated = 0;

  return {
    /** Adds a subscriber that has every item of the source. The next item it gets is the first above its position. */
    add(subscriber: Subscriber<Item>): void {
      // A subscriber that read from the database may be ahead of the source.
      const isFirst = subscribers.size === 0 && !isAdvancing;
      position = isFirst ? subscriber.position : Math.min(position, subscriber.position);
      subscribers.add(subscriber);
    },
    remove: (subscriber: Subscriber<Item>) => void subscribers.delete(subscriber),
    advance,
    /** Returns the position up to which every live subscriber has everything; infinite without one. */
    position: () => (subscribers.size === 0 ? Number.POSITIVE_INFINITY : position),
  };

  /** Delivers everything that the source has. Must be called when the source has more, and when it ends. */
  async function advance(): Promise<void> {
    if (isAdvancing) return;
    isAdvancing = true;
    try {
      while (subscribers.size > 0 && source.last() > position) await deliverNext();
      // Throws if the source has ended.
      if (subscribers.size > 0) source.since(position);
    } catch (error) {
      for (const subscriber of [...subscribers]) onError(subscriber, error);
    } finally {
      isAdvancing = false;
    }
  }

  /** Delivers the next items, or nothing if they must be executed again. */
  async function deliverNext(): Promise<void> {
    const version = source.version();
    const { entries, through } = await loader.read(position, maxBatchSize);
    const all = entries.length > 0 ? await loader.execute(entries) : [];
    const looked = loader.valuesOf(all, subscribers);
    const values = looked instanceof Promise ? await looked : looked;
    if (source.version() !== version && ++outdated < maxExecutions) return;
    outdated = 0;
    const items = source.current(entries, version);
    if (items) deliver(items, payloadsOf(items, entries, all), values, through);
  }

  function deliver(items: readonly Item[], payloads: readonly Payload[], values: ViewerValues, through: number): void {
    const batch = { items, payloads, values, encode: createEncoder(payloads, values), through };
    let delivered = 0;
    for (const subscriber of subscribers) {
      if (subscriber.position < through) delivered += deliverTo(subscriber, batch);
    }
    metrics.delivered(delivered);
    position = through;
  }

  /** Returns the number of items that were queued for the subscriber. */
  function deliverTo(subscriber: Subscriber<Item>, batch: Batch<Item>): number {
    const { items, values, encode, through } = batch;
    // It joined while the values were looked up.
    if (!values.covers(subscriber)) return leaveToCatchUp(subscriber);
    if (!getsAll(subscriber, items)) return deliverPart(subscriber, batch);
    if (items.length > 0) subscriber.outbox.add(encode(subscriber), source.kind);
    subscriber.position = through;
    return items.length;
  }

  function leaveToCatchUp(subscriber: Subscriber<Item>): 0 {
    subscribers.delete(subscriber);
    onBehind(subscriber);
    return 0;
  }

  function deliverPart(subscriber: Subscriber<Item>, { items, payloads, values, through }: Batch<Item>): number {
    const own = filterForReader(subscriber, items, payloads);
    // Others must not wait for the execution: this one gets it as a backlog, and then is live again.
    if (own.alone.length > 0) return leaveToCatchUp(subscriber);
    if (own.payloads.length > 0) subscriber.outbox.add(createEncoder(own.payloads, values)(subscriber), source.kind);
    subscriber.position = through;
    if (own.error) onError(subscriber, own.error);
    return own.payloads.length;
  }
}
