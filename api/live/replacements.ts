import type { Entry } from '../events.ts';

/** Maximum number of changed entries that are known. Entries that were read before that must be read again. */
const maxKnown = 256;

/** Remembers which entries of a channel were edited or deleted, so that entries that were read before are not delivered. */
export function createReplacements() {
  let version = 0;
  /** Position of the newest state by entry id, in order of position. */
  let newest: Map<string, number> | undefined;

  return {
    /** Takes the new state of an entry. States must come in order of position. */
    add({ id, position }: Entry): void {
      version++;
      newest ??= new Map();
      newest.delete(id);
      newest.set(id, position);
      for (const oldest of newest.keys()) {
        if (newest.size <= maxKnown) break;
        newest.delete(oldest);
      }
    },
    /** Returns the number of states that were added. */
    version: () => version,
    /** See `LiveSource.current`. */
    current(entries: readonly Entry[], since: number): readonly Entry[] | null {
      if (version === since) return entries;
      if (version - since > maxKnown) return null;
      const isNewest = ({ id, position }: Entry) => position >= (newest?.get(id) ?? 0);
      return entries.every(isNewest) ? entries : entries.filter(isNewest);
    },
  };
}
