import { type Chunk, takeSignals } from './queue.ts';
import type { OutboxRecord } from './record.ts';

/** Limits of the bytes that wait in outboxes. Backlogs do not count: each of their senders waits for its own chunks. */
export interface LimitOptions {
  /**
   * Maximum bytes that wait for one peer, counted separately for live frames (entries and signals) and for responses.
   * Above it signals are dropped, then the outbox overflows.
   */
  socketBytes: number;
  /** Maximum bytes that wait in all outboxes. Above it signals are dropped, then the fullest outboxes overflow. */
  nodeBytes: number;
  /** Counts outboxes that overflowed, for metrics. */
  onOverflow(): void;
}

/** Counts the bytes that wait in the outboxes of a node, and enforces the limits for one socket and for the node. */
export function createLimits({ socketBytes, nodeBytes, onOverflow }: LimitOptions) {
  const records = new Set<OutboxRecord>();
  let limitedBytes = 0;
  let backlogBytes = 0;

  return {
    add: (record: OutboxRecord) => void records.add(record),
    remove: (record: OutboxRecord) => void records.delete(record),
    count,
    releaseInFlight,
    releaseAll,
    isLiveFull,
    isResponseFull,
    dropSignals,
    overflow,
    enforceNodeLimit,
    /** Number of bytes that wait in all outboxes, backlogs included. */
    queuedBytes: () => limitedBytes + backlogBytes,
  };

  /** Counts a chunk that is queued (`sign` 1) or dropped (-1). */
  function count(record: OutboxRecord, { bytes, kind }: Chunk, sign: 1 | -1): void {
    const change = sign * bytes.length;
    if (kind === 'backlog') {
      record.backlogBytes += change;
      backlogBytes += change;
      return;
    }
    if (kind === 'response') record.responseBytes += change;
    else record.liveBytes += change;
    limitedBytes += change;
  }

  function releaseInFlight(record: OutboxRecord): void {
    release(record, record.liveInFlight, record.responseInFlight, record.backlogInFlight);
  }

  function releaseAll(record: OutboxRecord): void {
    release(record, record.liveBytes, record.responseBytes, record.backlogBytes);
  }

  function release(record: OutboxRecord, live: number, response: number, backlog: number): void {
    record.liveBytes -= live;
    record.responseBytes -= response;
    record.backlogBytes -= backlog;
    limitedBytes -= live + response;
    backlogBytes -= backlog;
  }

  /** True if live frames of this length exceed the limit. A peer that has read everything gets frames of any size. */
  function isLiveFull({ liveBytes }: OutboxRecord, { length }: Buffer): boolean {
    return liveBytes > 0 && liveBytes + length > socketBytes;
  }

  function isResponseFull({ responseBytes }: OutboxRecord): boolean {
    return responseBytes > socketBytes;
  }

  function dropSignals(record: OutboxRecord): void {
    for (const chunk of takeSignals(record.queue)) count(record, chunk, -1);
  }

  function overflow(record: OutboxRecord, isNodeFull: boolean): void {
    if (!record.isOpen) return;
    onOverflow();
    record.onOverflow(isNodeFull);
  }

  function enforceNodeLimit(): void {
    if (limitedBytes <= nodeBytes) return;
    for (const record of records) dropSignals(record);
    if (limitedBytes <= nodeBytes) return;
    for (const record of [...records].sort((a, b) => limitedBytesOf(b) - limitedBytesOf(a))) {
      if (limitedBytes <= nodeBytes) return;
      overflow(record, true);
    }
  }
}

function limitedBytesOf({ liveBytes, responseBytes }: OutboxRecord): number {
  return liveBytes + responseBytes;
}
