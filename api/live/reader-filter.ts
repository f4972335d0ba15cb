import type { Positioned, Reader } from './live-source.ts';
import type { Payload } from './viewer-marks.ts';

/** The part of some items that one reader gets. */
interface Filtered<Item> {
  /** The items before an error, without those that the reader skips. */
  items: readonly Item[];
  /** The payload of each of them. */
  payloads: readonly Payload[];
  /** The items among them whose payloads must be made for this reader alone. */
  alone: readonly Item[];
  /** The error that ends the reader's stream. */
  error?: Error;
}

/**
 * Returns whether a reader gets all of some items as others do. Nearly every reader does: this is asked for each delivery.
 * @param subscriber the reader, and the position up to which it has everything
 */
export function getsAll<Item extends Positioned>(
  { reader, position }: { reader: Reader<Item>; position: number },
  items: readonly Item[],
): boolean {
  for (const item of items) if (item.position <= position || reader.judge(item) !== null) return false;
  return true;
}

/**
 * Returns the part of some items that a reader gets. If it gets all of them, `payloads` is returned as it is.
 * @param subscriber the reader, and the position up to which it has everything
 * @param payloads one for each item
 */
export function filterForReader<Item extends Positioned>(
  { reader, position }: { reader: Reader<Item>; position: number },
  items: readonly Item[],
  payloads: readonly Payload[],
): Filtered<Item> {
  if (getsAll({ reader, position }, items)) return { items, payloads, alone: [] };
  const verdicts = items.map((item) => (item.position <= position ? 'skip' : reader.judge(item)));
  const end = verdicts.findIndex((verdict) => verdict instanceof Error);
  const error = verdicts[end];
  const isIncluded = (n: number) => verdicts[n] !== 'skip' && (end < 0 || n < end);
  const own = {
    items: items.filter((_, n) => isIncluded(n)),
    payloads: payloads.filter((_, n) => isIncluded(n)),
    alone: items.filter((_, n) => isIncluded(n) && verdicts[n] === 'alone'),
  };
  return error instanceof Error ? { ...own, error } : own;
}

/**
 * Returns the payloads of some of the items.
 * @param payloads one for each item of `all`
 */
export function payloadsOf<Item>(
  some: readonly Item[],
  all: readonly Item[],
  payloads: readonly Payload[],
): readonly Payload[] {
  if (some === all) return payloads;
  const included = new Set(some);
  return payloads.filter((_, n) => included.has(all[n] as Item));
}
