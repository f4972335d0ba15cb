/**
 * The kind of a chunk decides how its bytes are counted:
 * - `entry`: live entries of an audience. They are never dropped; too many of them overflow the outbox.
 * - `signal`: live signals of an audience. They count as entries do, but are dropped first.
 * - `response`: messages that the peer asked for.
 * - `backlog`: counts against no limit, because its sender waits for each chunk to be flushed before it sends the next.
 */
type ChunkKind = 'entry' | 'signal' | 'response' | 'backlog';

/** One or more WebSocket frames that wait to be written to a socket. */
export interface Chunk {
  bytes: Buffer;
  kind: ChunkKind;
  /** Called once, when the chunk is flushed or discarded. */
  onFlushed: (() => void) | null;
}

/** The chunks of one socket, in the order in which they are written. */
export interface Queue {
  chunks: Chunk[];
  /** Memory of this queue alone; its first `used` bytes hold small chunks. */
  slab: Buffer;
  used: number;
  /** True if the first chunk is the rest of a frame whose beginning was taken: nothing may be written before it. */
  isFirstPartial: boolean;
}

/** Size of a slab, in bytes. */
const slabBytes = 8_192;
/** Node takes smaller buffers from a shared pool, which stays in memory as long as one of them does. */
const pooledBelow = Buffer.poolSize >>> 1;
const noSlab = Buffer.alloc(0);

/** Returns an empty queue, which holds no slab. */
export function createQueue(): Queue {
  return { chunks: [], slab: noSlab, used: 0, isFirstPartial: false };
}

/**
 * Appends a chunk that may wait for long. A small one is copied into the queue's slab and merged with the chunk before
 * it, so that the queue keeps no more memory alive than is counted.
 */
export function enqueueCopy(queue: Queue, chunk: Chunk): void {
  const { bytes, kind, onFlushed } = chunk;
  if (bytes.length >= pooledBelow) return void queue.chunks.push(chunk);
  const start = reserve(queue, bytes.length);
  bytes.copy(queue.slab, start);
  const { slab, used } = queue;
  const last = queue.chunks.at(-1);
  const isAdjacent = start > 0 && last?.bytes.buffer === slab.buffer && last.kind === kind;
  if (isAdjacent && last.onFlushed === null && onFlushed === null)
    last.bytes = slab.subarray(last.bytes.byteOffset, used);
  else queue.chunks.push({ bytes: slab.subarray(start, used), kind, onFlushed });
}

/** Reserves memory in the slab, or in a new one if there is no room, and returns its offset. */
function reserve(queue: Queue, length: number): number {
  if (queue.slab.length < queue.used + length) {
    queue.slab = Buffer.allocUnsafeSlow(slabBytes);
    queue.used = 0;
  }
  const start = queue.used;
  queue.used = start + length;
  return start;
}

/**
 * Removes and returns the first chunks, at most `maxBytes` bytes. Of a larger first chunk, only the beginning is taken.
 */
export function takeChunks(queue: Queue, maxBytes: number): Chunk[] {
  const { chunks } = queue;
  const [first] = chunks;
  queue.isFirstPartial = first !== undefined && first.bytes.length > maxBytes;
  if (first && queue.isFirstPartial) return [cutBeginning(first, maxBytes)];
  let count = 0;
  for (let bytes = 0; count < chunks.length; count++) {
    bytes += chunks[count]?.bytes.length ?? 0;
    if (bytes > maxBytes) break;
  }
  return chunks.splice(0, count);
}

/** Cuts the beginning off a chunk. Only the rest reports that the chunk was flushed. */
function cutBeginning(chunk: Chunk, length: number): Chunk {
  const { bytes, kind } = chunk;
  chunk.bytes = bytes.subarray(length);
  return { bytes: bytes.subarray(0, length), kind, onFlushed: null };
}

/** Removes and returns every signal, except one whose beginning was already taken. */
export function takeSignals(queue: Queue): Chunk[] {
  const partial = queue.isFirstPartial ? queue.chunks[0] : undefined;
  const isSignal = (chunk: Chunk) => chunk.kind === 'signal' && chunk !== partial;
  const signals = queue.chunks.filter(isSignal);
  if (signals.length > 0) queue.chunks = queue.chunks.filter((chunk) => !isSignal(chunk));
  return signals;
}

/** Gives the memory of an empty queue back. */
export function freeSlab(queue: Queue): void {
  queue.slab = noSlab;
  queue.used = 0;
}
