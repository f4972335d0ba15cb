import { freeSlab, takeChunks } from './queue.ts';
import { type OutboxRecord, writeChunks } from './record.ts';

/**
 * Maximum size of one write, in bytes. Chunks that are not written yet can still be discarded, and each write that is
 * flushed shows that a slow peer still reads.
 */
const maxWriteBytes = 65_536;

/**
 * Decides when the queued chunks of a socket are written. Until the socket ends, one write is in flight at most: chunks
 * that are queued meanwhile wait until it is flushed.
 * @param options.windowMs length of a window, in milliseconds; live frames of one window are written together
 * @param options.onFlushed called when the bytes in flight have been flushed to the kernel, before more are written
 */
export function createFlusher({ windowMs, onFlushed }: { windowMs: number; onFlushed(record: OutboxRecord): void }) {
  const enqueueImmediate = createBatch(flush, (run) => setImmediate(run));
  const enqueueDelayed = createBatch(flush, (run) => setTimeout(run, windowMs));

  return { flush, flushSoon, flushByWindow, onWritten };

  /** Writes queued chunks now, up to the maximum size of a write, unless a write is in flight. */
  function flush(record: OutboxRecord): void {
    record.isScheduled = false;
    record.windowBytes = 0;
    if (record.isBlocked || record.queue.chunks.length === 0) return;
    record.flushedAt = performance.now();
    writeChunks(record, takeChunks(record.queue, maxWriteBytes));
    // The kernel took everything at once: there is no need to wait for the callback of the write.
    if (record.duplex.writableLength === 0) drain(record);
  }

  /** Flushes at the end of this turn of the event loop, even if a flush is scheduled for later. */
  function flushSoon(record: OutboxRecord): void {
    record.isScheduled = true;
    enqueueImmediate(record);
  }

  /** Flushes when the window ends, or at the end of this turn if the last flush is at least a window ago. */
  function flushByWindow(record: OutboxRecord): void {
    if (record.isScheduled) return;
    record.isScheduled = true;
    if (performance.now() - record.flushedAt >= windowMs) enqueueImmediate(record);
    else enqueueDelayed(record);
  }

  /** Must be called when a write is done. */
  function onWritten(record: OutboxRecord): void {
    record.pendingWrites--;
    if (record.pendingWrites === 0) drain(record);
  }

  function drain(record: OutboxRecord): void {
    if (!record.isBlocked) return;
    record.isBlocked = false;
    onFlushed(record);
    record.onDrained();
    if (record.queue.chunks.length > 0) flush(record);
    else freeSlab(record.queue);
  }
}

/** Returns a function that collects items and processes them together: the first item schedules the run for all. */
function createBatch<Item>(handle: (item: Item) => void, schedule: (run: () => void) => void): (item: Item) => void {
  let batch: Item[] = [];
  const run = () => {
    const items = batch;
    batch = [];
    for (const item of items) handle(item);
  };
  return (item) => {
    if (batch.push(item) === 1) schedule(run);
  };
}
