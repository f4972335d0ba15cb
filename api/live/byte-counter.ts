/** Counts the bytes of several owners against one bound. */
export function createByteCounter(maxBytes: number) {
  let bytes = 0;

  return {
    /** Counts bytes, and returns true; returns false, and counts nothing, if they exceed the bound. */
    tryAdd(added: number): boolean {
      if (bytes + added > maxBytes) return false;
      bytes += added;
      return true;
    },
    remove(removed: number): void {
      bytes -= removed;
    },
    /** Number of bytes that are counted. */
    bytes: () => bytes,
  };
}

/** See `createByteCounter`. */
export type ByteCounter = ReturnType<typeof createByteCounter>;
