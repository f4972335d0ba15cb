import type { Entry } from '../events.ts';

/** About what an entry takes beside its text, and what a file of it takes beside its name, in bytes. */
const entryBytes = 400;
const attachmentBytes = 300;

/**
 * The newest entries of a channel in order of position, bounded in bytes: those above `floor` are all there, each at
 * least in its newest state.
 */
export function createRecentEntries(maxBytes: number, start: number) {
  let entries: Entry[] = [];
  let bytes = 0;
  let floor = start;

  function trim(): void {
    let drop = 0;
    for (; bytes > maxBytes && drop < entries.length; drop++) bytes -= size(entries[drop]);
    if (drop === 0) return;
    floor = entries[drop - 1]?.position ?? floor;
    entries = entries.slice(drop);
  }

  return {
    /** Adds an entry above all that are there. */
    push(entry: Entry): void {
      entries.push(entry);
      bytes += size(entry);
      // Dropping a quarter more at a time keeps the copying small.
      if (bytes > maxBytes * 1.25) trim();
    },
    /** The first entries above a position, so many at most; null where some may be missing. */
    since(position: number, most: number): readonly Entry[] | null {
      if (position < floor) return null;
      const first = firstAbove(entries, position);
      return entries.slice(first, first + most);
    },
  };
}

function size(entry: Entry | undefined): number {
  if (entry === undefined) return 0;
  const files = entry.attachments.map(({ filename }) => attachmentBytes + Buffer.byteLength(filename));
  return files.reduce((sum, bytes) => sum + bytes, entryBytes + Buffer.byteLength(entry.text));
}

function firstAbove(entries: readonly Entry[], position: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.position ?? 0) > position) high = middle;
    else low = middle + 1;
  }
  return low;
}
