/** The memory of one page of a backlog, from before it is loaded until its last part is sent. */
export interface Portion {
  /**
   * Corrects the memory, in bytes, when a page is loaded and when a part of it is sent.
   * @param inFlight the part of it that was sent and is not flushed yet: it cannot be dropped
   */
  resize(bytes: number, inFlight: number): void;
  /** Must be called once, when the page is no longer needed. */
  release(): void;
}

interface Held {
  /** Memory that is counted, or is waited for. */
  bytes: number;
  inFlight: number;
  /** Time of the last `resize`, by `performance.now()`. */
  progressAt: number;
  drop: (() => void) | null;
}

/** Options of `createBacklogBudget`. */
export interface BacklogBudgetOptions {
  /** Maximum memory of all pages, in bytes. A page that is larger than expected may exceed it. */
  maxBytes: number;
  /** Milliseconds without progress after which a page is dropped if others wait. */
  stallMs?: number;
  /** Counts pages that were dropped, for metrics. */
  onDropped?(): void;
}

const defaultStallMs = 5_000;

/**
 * Bounds the memory of backlog pages that are loaded for, or being sent to, the sockets of a node. Further ones wait in the
 * order of their calls. A socket has one page at a time, so they take turns. While some wait, pages whose peers do not read
 * are dropped, to be loaded again later, so that stalled peers do not block the others.
 */
export function createBacklogBudget({ maxBytes, stallMs = defaultStallMs, onDropped }: BacklogBudgetOptions) {
  /** Pages in the order of their last progress. */
  const held = new Set<Held>();
  const waiting: { own: Held; start(): void }[] = [];
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;

  return {
    /**
     * Resolves when there is memory for a page.
     * @param expected the memory of the page, in bytes
     * @param drop called at most once, when the page must be dropped, except for the part that is in flight
     */
    async reserve(expected: number, drop: () => void): Promise<Portion> {
      const own: Held = { bytes: Math.min(expected, maxBytes), inFlight: 0, progressAt: 0, drop };
      if (waiting.length > 0 || bytes + own.bytes > maxBytes) await turn(own);
      else enter(own);
      return {
        resize: (current, inFlight) => resize(own, current, inFlight),
        release: () => release(own),
      };
    },
    /** Memory of all pages, in bytes. */
    bytes: () => bytes,
    /** Number of pages that wait for memory. */
    waiting: () => waiting.length,
  };

  function turn(own: Held): Promise<void> {
    scheduleDrop();
    return new Promise((start) => waiting.push({ own, start }));
  }

  function enter(own: Held): void {
    held.add(own);
    own.progressAt = performance.now();
    bytes += own.bytes;
  }

  function set(own: Held, current: number): void {
    bytes += current - own.bytes;
    own.bytes = current;
  }

  function resize(own: Held, current: number, inFlight: number): void {
    if (!held.delete(own)) return;
    held.add(own);
    own.progressAt = performance.now();
    own.inFlight = inFlight;
    set(own, current);
    startWaiting();
  }

  function release(own: Held): void {
    held.delete(own);
    set(own, 0);
    startWaiting();
  }

  function startWaiting(): void {
    for (let next = waiting[0]; next && bytes + next.own.bytes <= maxBytes; next = waiting[0]) {
      waiting.shift();
      enter(next.own);
      next.start();
    }
  }

  function scheduleDrop(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      dropStalled();
      if (waiting.length > 0) scheduleDrop();
    }, stallMs);
    timer.unref();
  }

  function dropStalled(): void {
    const stalledBefore = performance.now() - stallMs;
    for (const own of held) {
      if (own.progressAt > stalledBefore) break;
      if (own.inFlight === 0 || own.drop === null) continue;
      own.drop();
      own.drop = null;
      onDropped?.();
      set(own, own.inFlight);
    }
    startWaiting();
  }
}

/** See `createBacklogBudget`. */
export type BacklogBudget = ReturnType<typeof createBacklogBudget>;
