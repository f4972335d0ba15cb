import type { Entry } from '../events.ts';

/** Approximate memory of an entry without its text, and of an attachment without its name, in bytes. */
const entryBytes = 400;
const attachmentBytes = 300;
/** Trimming only above this multiple of the limit drops many entries at a time, which keeps the copying rare. */
const trimAbove = 1.25;

/**
 * A ring buffer of a channel's newest entries, in order of position. It has every entry above its lowest position, each
 * at least in its newest state.
 * @param maxBytes approximate limit of its memory; it may be exceeded by a quarter
 * @param start the position below which it has nothing
 */
export function createRecentEntries(maxBytes: number, start: number) {
  let entries: Entry[] = [];
  let bytes = 0;
  let lowest = start;

  return {
    /** Appends an entry, whose position must be above all others. */
    push(entry: Entry): void {
      entries.push(entry);
      bytes += sizeOf(entry);
      if (bytes > maxBytes * trimAbove) trim();
    },
    /** Returns at most `limit` entries after a position, or null if older ones may be missing. */
    since(position: number, limit: number): readonly Entry[] | null {
      if (position < lowest) return null;
      const first = firstIndexAfter(entries, position);
      return entries.slice(first, first + limit);
    },
  };

  function trim(): void {
    let count = 0;
    for (; bytes > maxBytes && count < entries.length; count++) bytes -= sizeOf(entries[count]);
    if (count === 0) return;
    lowest = entries[count - 1]?.position ?? lowest;
    entries = entries.slice(count);
  }
}

function sizeOf(entry: Entry | undefined): number {
  if (entry === undefined) return 0;
  const attachments = entry.attachments.map(({ filename }) => attachmentBytes + Buffer.byteLength(filename));
  return attachments.reduce((sum, bytes) => sum + bytes, entryBytes + Buffer.byteLength(entry.text));
}

/** Returns the index of the first entry after a position, by binary search. */
function firstIndexAfter(entries: readonly Entry[], position: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.position ?? 0) > position) high = middle;
    else low = middle + 1;
  }
  return low;
}
