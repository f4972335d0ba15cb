import type { Positioned, Reader } from './live-source.ts';

/** What of some items a reader gets: those up to an error that ends it; `alone` of them is to be made for this one. */
interface Choice<Item> {
  chosen: readonly Buffer[];
  alone: readonly Item[];
  error?: Error;
}

/**
 * What a reader gets of some items.
 * @param place up to where it has got everything
 * @param payloads what all get, one for each item
 */
export function filterForReader<Item extends Positioned>(
  { reader, position }: { reader: Reader<Item>; position: number },
  items: readonly Item[],
  payloads: readonly Buffer[],
): Choice<Item> {
  const verdicts = items.map((item) => (item.position <= position ? 'skip' : reader.judge(item)));
  if (verdicts.every((verdict) => verdict === null)) return { chosen: payloads, alone: [] };
  const end = verdicts.findIndex((verdict) => verdict instanceof Error);
  const error = verdicts[end];
  const isIn = (n: number) => verdicts[n] !== 'skip' && (end < 0 || n < end);
  const chosen = payloads.filter((_, n) => isIn(n));
  const alone = items.filter((_, n) => isIn(n) && verdicts[n] === 'alone');
  return error instanceof Error ? { chosen, alone, error } : { chosen, alone };
}
