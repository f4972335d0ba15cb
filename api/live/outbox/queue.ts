/**
 * What a piece is, and so how it counts: `entry`, of an audience; `signal`, the same, but it goes first where a bound is
 * reached; `answer`, what the peer has asked for; `backlog`, which counts against nothing, since its sender waits until it
 * has left before it gives more.
 */
type PieceKind = 'entry' | 'signal' | 'answer' | 'backlog';

/** Frames that wait for their turn to be written to a socket. */
export interface Piece {
  bytes: Buffer;
  kind: PieceKind;
  /** Called when it has left, or never will. */
  onLeft: (() => void) | null;
}

/** The pieces of one socket, in order. */
export interface Queue {
  pieces: Piece[];
  /** Memory of this socket alone, filled up to `used`. */
  chunk: Buffer;
  used: number;
  /** The first piece is the rest of one whose beginning was taken: nothing may come before it. */
  isCut: boolean;
}

/** How much memory a queue takes at a time, in bytes. */
const chunkBytes = 8_192;
/** Buffers below this are slices of a pool of Node's, which stays for as long as one of them does. */
const pooledBelow = Buffer.poolSize >>> 1;
const noChunk = Buffer.alloc(0);

export function createQueue(): Queue {
  return { pieces: [], chunk: noChunk, used: 0, isCut: false };
}

/**
 * Puts a piece at the end, where it may wait for long: small ones are gathered in memory of the queue's own, so that what
 * is counted is what is held.
 */
export function store(queue: Queue, piece: Piece): void {
  const { bytes, kind, onLeft } = piece;
  if (bytes.length >= pooledBelow) return void queue.pieces.push(piece);
  if (queue.chunk.length < queue.used + bytes.length) {
    queue.chunk = Buffer.allocUnsafeSlow(chunkBytes);
    queue.used = 0;
  }
  const { chunk, used } = queue;
  bytes.copy(chunk, used);
  queue.used = used + bytes.length;
  const last = queue.pieces.at(-1);
  const goesOn = used > 0 && last?.bytes.buffer === chunk.buffer && last.kind === kind;
  if (goesOn && last.onLeft === null && onLeft === null) last.bytes = chunk.subarray(last.bytes.byteOffset, queue.used);
  else queue.pieces.push({ bytes: chunk.subarray(used, queue.used), kind, onLeft });
}

/** Takes the first pieces, so many bytes at most: of one that is larger, its beginning. */
export function take(queue: Queue, most: number): Piece[] {
  const { pieces } = queue;
  const [first] = pieces;
  queue.isCut = first !== undefined && first.bytes.length > most;
  if (first && queue.isCut) {
    const { bytes, kind } = first;
    first.bytes = bytes.subarray(most);
    return [{ bytes: bytes.subarray(0, most), kind, onLeft: null }];
  }
  let end = 0;
  for (let bytes = 0; end < pieces.length; end++) {
    bytes += pieces[end]?.bytes.length ?? 0;
    if (bytes > most) break;
  }
  return pieces.splice(0, end);
}

/** Takes all that may be forgotten without harm to what has begun to leave. */
export function takeSignals(queue: Queue): Piece[] {
  const begun = queue.isCut ? queue.pieces[0] : undefined;
  const isSignal = (piece: Piece) => piece.kind === 'signal' && piece !== begun;
  const signals = queue.pieces.filter(isSignal);
  if (signals.length > 0) queue.pieces = queue.pieces.filter((piece) => !isSignal(piece));
  return signals;
}

/** Lets go of the memory of a queue that is empty. */
export function release(queue: Queue): void {
  queue.chunk = noChunk;
  queue.used = 0;
}
