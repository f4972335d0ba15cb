import type { Writable } from 'node:stream';
import { createFlusher } from './flusher.ts';
import { createLimits, type LimitOptions } from './limits.ts';
import { type Chunk, enqueueCopy, freeSlab } from './queue.ts';
import {
  addFlushCallback,
  completeFlush,
  createOutboxRecord,
  type OutboxListener,
  type OutboxRecord,
  writeChunks,
} from './record.ts';

/** Everything that one socket sends, except for pings and the close, in the order of the calls. */
export interface Outbox {
  /**
   * Queues live frames. The frames of one window leave in one write; if nothing was written for the length of a window,
   * they leave at the end of this turn of the event loop. Above the limit of the socket signals are dropped; an entry
   * makes the outbox overflow. Does nothing after `end` or `discard`.
   * @param frames whole WebSocket frames, or server-sent events
   */
  add(frames: Buffer, kind: 'entry' | 'signal'): void;
  /**
   * Queues frames that leave at the end of this turn of the event loop, after everything queued before.
   * @param frames whole WebSocket frames, or server-sent events
   * @returns a promise that resolves when the frames were flushed to the kernel, or discarded; undefined for a response
   *   if few bytes wait, so that the last message of an operation leaves in one write with the message before it
   */
  send(frames: Buffer, kind: 'response' | 'backlog'): Promise<void> | undefined;
  /** Writes everything that is queued, so that a close frame can follow. Later frames are dropped. */
  end(): void;
  /**
   * Drops everything that is queued, except for the rest of a frame that is partly written, and resolves every pending
   * send. Later frames are dropped.
   */
  discard(): void;
  /** True while bytes were written to the socket that the kernel has not taken, because the peer does not read. */
  isBlocked(): boolean;
  /** Number of bytes written to the socket since it opened. */
  writtenBytes(): number;
}

/** Options of `createOutboxes`. */
export interface OutboxOptions extends LimitOptions {
  /** Live frames of one window leave a socket in one write. In milliseconds; 0: they leave at once. */
  windowMs: number;
}

/** From this many bytes on, live frames no longer wait for their window, and the senders of responses must wait. */
const highWaterMark = 16_384;

/** Creates the outboxes of a node, which share limits and timers. */
export function createOutboxes({ windowMs, ...limitOptions }: OutboxOptions) {
  const limits = createLimits(limitOptions);
  const flusher = createFlusher({ windowMs, onFlushed });

  return {
    /** Opens the outbox of a socket. Nobody else may write data frames to it. */
    open(duplex: Writable, listener: OutboxListener): Outbox {
      const record = createOutboxRecord(duplex, listener, () => flusher.onWritten(record));
      limits.add(record);
      return {
        add: (frames, kind) => add(record, frames, kind),
        send: (frames, kind) => send(record, frames, kind),
        end: () => end(record),
        discard: () => discard(record),
        isBlocked: () => record.isBlocked,
        writtenBytes: () => record.writtenBytes,
      };
    },
    /** Number of bytes that wait for their peers to read, in all outboxes. */
    queuedBytes: limits.queuedBytes,
  };

  function add(record: OutboxRecord, bytes: Buffer, kind: 'entry' | 'signal'): void {
    if (!record.isOpen) return;
    if (limits.isLiveFull(record, bytes) && !makeRoom(record, bytes)) {
      if (kind === 'entry') limits.overflow(record, false);
      return;
    }
    push(record, { bytes, kind, onFlushed: null });
    record.windowBytes += bytes.length;
    if (record.windowBytes >= highWaterMark) flusher.flush(record);
    else flusher.flushByWindow(record);
  }

  /**
   * Returns whether live frames of this length fit after the socket took as much as it can, or signals were dropped.
   */
  function makeRoom(record: OutboxRecord, bytes: Buffer): boolean {
    flusher.flush(record);
    if (limits.isLiveFull(record, bytes)) limits.dropSignals(record);
    return !limits.isLiveFull(record, bytes);
  }

  function push(record: OutboxRecord, chunk: Chunk): void {
    limits.count(record, chunk, 1);
    if (record.isBlocked) enqueueCopy(record.queue, chunk);
    else record.queue.chunks.push(chunk);
    limits.enforceNodeLimit();
  }

  function send(record: OutboxRecord, bytes: Buffer, kind: 'response' | 'backlog'): Promise<void> | undefined {
    if (kind === 'response' && limits.isResponseFull(record)) limits.overflow(record, false);
    // A source that always has more to send must let the event loop process the close of its socket.
    if (!record.isOpen) return new Promise(setImmediate);
    flusher.flushSoon(record);
    const canContinue = kind === 'response' && record.responseBytes + bytes.length < highWaterMark;
    if (canContinue) return void push(record, { bytes, kind, onFlushed: null });
    return new Promise((resolve) => push(record, { bytes, kind, onFlushed: resolve }));
  }

  function onFlushed(record: OutboxRecord): void {
    limits.releaseInFlight(record);
    completeFlush(record);
  }

  function end(record: OutboxRecord): void {
    if (!record.isOpen) return;
    close(record);
    if (record.queue.chunks.length > 0) writeChunks(record, record.queue.chunks.splice(0));
  }

  function discard(record: OutboxRecord): void {
    if (record.isOpen) close(record);
    const chunks = record.queue.chunks.splice(0);
    // A peer cannot read a close frame that comes in the middle of another frame.
    const partial = record.queue.isFirstPartial ? chunks[0] : undefined;
    if (partial && !record.duplex.destroyed) record.duplex.write(partial.bytes);
    for (const chunk of chunks) addFlushCallback(record, chunk);
    freeSlab(record.queue);
    record.isBlocked = false;
    limits.releaseAll(record);
    completeFlush(record);
  }

  function close(record: OutboxRecord): void {
    record.isOpen = false;
    limits.remove(record);
  }
}

/** The outboxes of a node. */
export type Outboxes = ReturnType<typeof createOutboxes>;
