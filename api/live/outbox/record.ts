import type { Writable } from 'node:stream';
import { type Chunk, createQueue, type Queue } from './queue.ts';

/** Receives the events of one outbox. */
export interface OutboxListener {
  /** Called each time everything written so far has been flushed to the kernel. */
  onDrained(): void;
  /**
   * Called when the peer reads too slowly. The listener must discard the outbox and close the socket.
   * @param isNodeFull true if the limit of the whole node was reached: the bytes in the socket must be freed at once,
   *   too
   */
  onOverflow(isNodeFull: boolean): void;
}

/**
 * The state of one outbox. It is plain data, and the functions that work on it are shared, so that an idle socket costs
 * little memory.
 */
export interface OutboxRecord extends OutboxListener {
  duplex: Writable;
  queue: Queue;
  /** Bytes that are queued or in flight, by kind; entries and signals together are `live`. */
  liveBytes: number;
  responseBytes: number;
  backlogBytes: number;
  /** The part of these bytes that is in flight: written to the socket, but not flushed to the kernel. */
  liveInFlight: number;
  responseInFlight: number;
  backlogInFlight: number;
  /** Called when the bytes in flight are flushed. */
  flushCallbacks: (() => void)[] | null;
  /** Number of bytes written to the socket since it opened. */
  writtenBytes: number;
  /** True while bytes are in flight. Nothing else is written meanwhile. */
  isBlocked: boolean;
  /** Number of writes whose callback has not been called yet. */
  pendingWrites: number;
  /** Callback of each write; one function for all of them. */
  onWritten(): void;
  /** Live bytes that were queued since the last flush. */
  windowBytes: number;
  /** Time of the last flush, by `performance.now()`. */
  flushedAt: number;
  /** True if a flush is scheduled. */
  isScheduled: boolean;
  /** False after `end` or `discard`. */
  isOpen: boolean;
}

/**
 * Returns the record of a new, empty outbox.
 * @param onWritten called when a write has been flushed, or has failed
 */
export function createOutboxRecord(
  duplex: Writable,
  { onDrained, onOverflow }: OutboxListener,
  onWritten: () => void,
): OutboxRecord {
  return {
    duplex,
    onDrained,
    onOverflow,
    onWritten,
    queue: createQueue(),
    liveBytes: 0,
    responseBytes: 0,
    backlogBytes: 0,
    liveInFlight: 0,
    responseInFlight: 0,
    backlogInFlight: 0,
    flushCallbacks: null,
    writtenBytes: 0,
    isBlocked: false,
    pendingWrites: 0,
    windowBytes: 0,
    flushedAt: Number.NEGATIVE_INFINITY,
    isScheduled: false,
    isOpen: true,
  };
}

/** Writes chunks to the socket, in one write. Their bytes are in flight from then on. */
export function writeChunks(record: OutboxRecord, chunks: Chunk[]): void {
  for (const chunk of chunks) {
    const { length } = chunk.bytes;
    if (chunk.kind === 'response') record.responseInFlight += length;
    else if (chunk.kind === 'backlog') record.backlogInFlight += length;
    else record.liveInFlight += length;
    addFlushCallback(record, chunk);
  }
  record.isBlocked = true;
  record.pendingWrites++;
  const [first] = chunks;
  const bytes = chunks.length === 1 && first ? first.bytes : Buffer.concat(chunks.map((chunk) => chunk.bytes));
  record.writtenBytes += bytes.length;
  record.duplex.write(bytes, record.onWritten);
}

/** Registers the callback of a chunk, which `completeFlush` calls. */
export function addFlushCallback(record: OutboxRecord, { onFlushed }: Chunk): void {
  if (onFlushed === null) return;
  record.flushCallbacks ??= [];
  record.flushCallbacks.push(onFlushed);
}

/** Marks that nothing is in flight, and calls the registered callbacks. */
export function completeFlush(record: OutboxRecord): void {
  record.liveInFlight = 0;
  record.responseInFlight = 0;
  record.backlogInFlight = 0;
  const callbacks = record.flushCallbacks;
  record.flushCallbacks = null;
  for (const callback of callbacks ?? []) callback();
}
