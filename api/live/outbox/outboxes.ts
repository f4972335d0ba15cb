import type { Duplex } from 'node:stream';
import { type Piece, release, store, take, takeSignals } from './queue.ts';
import { createOutboxRecord, hand, noteWaiting, type OutboxListener, type OutboxRecord } from './record.ts';

/** What leaves one socket, in order. */
export interface Outbox {
  /**
   * Frames that leave with others of the same window; at once where nothing has left for that long.
   * @param frames whole WebSocket frames
   */
  add(frames: Buffer, kind: 'entry' | 'signal'): void;
  /**
   * Frames that leave at once, with what was added before.
   * @returns when they have left; nothing where there is room for more answers, so that an operation's last frame leaves with
   *   the one before it
   */
  send(frames: Buffer, kind: 'answer' | 'backlog'): Promise<void> | undefined;
  /** Hands everything to the socket, so that a close comes after it, and takes no more. */
  end(): void;
  /** Forgets what has not left, but for the rest of a frame that has begun to, and takes no more. */
  discard(): void;
  /** Something was handed to the socket that its peer has not taken. */
  isBlocked(): boolean;
  /** How many bytes were handed to the socket since it opened. */
  handedBytes(): number;
}

/** See `createOutboxes`. */
export interface OutboxBounds {
  windowMs: number;
  socketBytes: number;
  nodeBytes: number;
  /** Counts peers that read too slowly. */
  onOverflow(): void;
}

/**
 * The most that is handed to a socket at once, in bytes: what is not handed over yet can still be forgotten, and a slow
 * reader shows by every portion that it reads.
 */
const maxWrite = 65_536;
/** From so many bytes on frames leave without waiting for more, and answers wait for their reader. */
const enough = 16_384;

/**
 * The outboxes of a node.
 * @param options.windowMs frames of one window leave a socket in one write, in milliseconds; 0: no waiting
 * @param options.socketBytes the most of entries and signals, and the most of answers, that may wait for one peer to read;
 *   above it that one overflows
 * @param options.nodeBytes the most that may wait for all of them; above it signals go, and then the fullest overflow
 */
export function createOutboxes({ windowMs, socketBytes, nodeBytes, onOverflow }: OutboxBounds) {
  const all = new Set<OutboxRecord>();
  const soon = createBatch(flush, (run) => setImmediate(run));
  const later = createBatch(flush, (run) => setTimeout(run, windowMs));
  let total = 0;
  let backlogs = 0;

  function relieve(): void {
    for (const box of all) dropSignals(box);
    if (total <= nodeBytes) return;
    for (const box of [...all].sort((a, b) => b.live + b.answers - (a.live + a.answers))) {
      if (total <= nodeBytes) return;
      overflow(box, true);
    }
  }

  function push(box: OutboxRecord, piece: Piece): void {
    count(box, piece, 1);
    if (box.isBlocked) store(box.queue, piece);
    else box.queue.pieces.push(piece);
    if (total > nodeBytes) relieve();
  }

  function count(box: OutboxRecord, { bytes, kind }: Piece, sign: 1 | -1): void {
    const change = sign * bytes.length;
    if (kind === 'backlog') {
      box.backlog += change;
      backlogs += change;
      return;
    }
    if (kind === 'answer') box.answers += change;
    else box.live += change;
    total += change;
  }

  function flush(box: OutboxRecord): void {
    box.isDue = false;
    box.gathered = 0;
    if (box.isBlocked || box.queue.pieces.length === 0) return;
    box.flushedAt = performance.now();
    hand(box, take(box.queue, maxWrite));
    // What the kernel took at once has left.
    if (box.duplex.writableLength === 0) settle(box);
  }

  function schedule(box: OutboxRecord): void {
    if (box.isDue) return;
    box.isDue = true;
    if (performance.now() - box.flushedAt >= windowMs) soon(box);
    else later(box);
  }

  function answered(box: OutboxRecord): void {
    box.unanswered--;
    if (box.unanswered === 0) settle(box);
  }

  function settle(box: OutboxRecord): void {
    if (!box.isBlocked) return;
    box.isBlocked = false;
    uncount(box, box.handedLive, box.handedAnswers, box.handedBacklog);
    box.onDrained();
    if (box.queue.pieces.length > 0) flush(box);
    else release(box.queue);
  }

  /** What was handed over has left, or does not count any more, and with it as much else as is given. */
  function uncount(box: OutboxRecord, ofLive: number, ofAnswers: number, ofBacklog: number): void {
    box.live -= ofLive;
    box.answers -= ofAnswers;
    box.backlog -= ofBacklog;
    total -= ofLive + ofAnswers;
    backlogs -= ofBacklog;
    box.handedLive = 0;
    box.handedAnswers = 0;
    box.handedBacklog = 0;
    const left = box.leaving;
    box.leaving = null;
    for (const onLeft of left ?? []) onLeft();
  }

  /** Whoever has read everything gets more, whatever its size. */
  function exceeds({ live }: OutboxRecord, { length }: Buffer): boolean {
    return live > 0 && live + length > socketBytes;
  }

  function makeRoom(box: OutboxRecord, bytes: Buffer): boolean {
    flush(box);
    if (exceeds(box, bytes)) dropSignals(box);
    return !exceeds(box, bytes);
  }

  function dropSignals(box: OutboxRecord): void {
    for (const piece of takeSignals(box.queue)) count(box, piece, -1);
  }

  function overflow(box: OutboxRecord, isNodeFull: boolean): void {
    if (!box.isOpen) return;
    onOverflow();
    box.onOverflow(isNodeFull);
  }

  function shut(box: OutboxRecord): void {
    box.isOpen = false;
    all.delete(box);
  }

  function add(box: OutboxRecord, bytes: Buffer, kind: 'entry' | 'signal'): void {
    if (!box.isOpen) return;
    if (exceeds(box, bytes) && !makeRoom(box, bytes)) {
      if (kind === 'entry') overflow(box, false);
      return;
    }
    push(box, { bytes, kind, onLeft: null });
    box.gathered += bytes.length;
    if (box.gathered >= enough) flush(box);
    else schedule(box);
  }

  function send(box: OutboxRecord, bytes: Buffer, kind: 'answer' | 'backlog'): Promise<void> | undefined {
    if (box.isOpen && kind === 'answer' && box.answers > socketBytes) overflow(box, false);
    // A stream with much to say must not keep the event loop from hearing that its socket has closed.
    if (!box.isOpen) return new Promise(setImmediate);
    box.isDue = true;
    soon(box);
    if (kind === 'answer' && box.answers + bytes.length < enough) return void push(box, { bytes, kind, onLeft: null });
    return new Promise((resolve) => push(box, { bytes, kind, onLeft: resolve }));
  }

  function end(box: OutboxRecord): void {
    if (!box.isOpen) return;
    shut(box);
    if (box.queue.pieces.length > 0) hand(box, box.queue.pieces.splice(0));
  }

  function discard(box: OutboxRecord): void {
    if (box.isOpen) shut(box);
    const pieces = box.queue.pieces.splice(0);
    // A close that comes in the middle of a frame would not be understood.
    const begun = box.queue.isCut ? pieces[0] : undefined;
    if (begun && !box.duplex.destroyed) box.duplex.write(begun.bytes);
    for (const piece of pieces) noteWaiting(box, piece);
    release(box.queue);
    box.isBlocked = false;
    uncount(box, box.live, box.answers, box.backlog);
  }

  return {
    /** @param listener hears of what happens to it */
    open(duplex: Duplex, listener: OutboxListener): Outbox {
      const box = createOutboxRecord(duplex, listener, () => answered(box));
      all.add(box);
      return {
        add: (bytes, kind) => add(box, bytes, kind),
        send: (bytes, kind) => send(box, bytes, kind),
        end: () => end(box),
        discard: () => discard(box),
        isBlocked: () => box.isBlocked,
        handedBytes: () => box.handedBytes,
      };
    },
    /** Bytes that wait for their peers to read. */
    queuedBytes: () => total + backlogs,
  };
}

export type Outboxes = ReturnType<typeof createOutboxes>;

/** Gathers what is due, and does it together. */
function createBatch<Item>(work: (item: Item) => void, schedule: (run: () => void) => void): (item: Item) => void {
  let due: Item[] = [];
  const run = () => {
    const items = due;
    due = [];
    for (const item of items) work(item);
  };
  return (item) => {
    if (due.push(item) === 1) schedule(run);
  };
}
