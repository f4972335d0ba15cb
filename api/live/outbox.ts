import type { Duplex } from 'node:stream';
import { createQueue, type Piece, release, store, take, takeSignals } from './pieces.ts';

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

/** Who hears of what happens to an outbox. */
export interface OutboxListener {
  /** The peer has taken something. */
  onDrained(): void;
  /**
   * The peer reads too slowly: the socket is to be closed, and this outbox discarded.
   * @param isNodeFull there is no more room for anybody: what the socket itself holds is to go at once
   */
  onOverflow(isNodeFull: boolean): void;
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
export function createOutboxes({ windowMs, socketBytes, nodeBytes, onOverflow: countOverflow }: OutboxBounds) {
  const all = new Set<Member>();
  const soon = createBatch((flush) => setImmediate(flush));
  const later = createBatch((flush) => setTimeout(flush, windowMs));
  let total = 0;
  let backlogs = 0;

  function relieve(): void {
    for (const { dropSignals } of all) dropSignals();
    if (total <= nodeBytes) return;
    for (const member of [...all].sort((a, b) => b.waiting() - a.waiting())) {
      if (total <= nodeBytes) return;
      member.overflow(true);
    }
  }

  function open(duplex: Duplex, { onDrained, onOverflow }: OutboxListener): Outbox {
    const queue = createQueue();
    /** What was handed to the socket and has not left, in bytes, and who waits for it. */
    let handedLive = 0;
    let handedAnswers = 0;
    let handedBacklog = 0;
    let leaving: (() => void)[] = [];
    let handedBytes = 0;
    let isBlocked = false;
    let unanswered = 0;
    /** Bytes that have not left. */
    let live = 0;
    let answers = 0;
    let backlog = 0;
    /** Bytes that wait for the end of their window. */
    let gathered = 0;
    let flushedAt = Number.NEGATIVE_INFINITY;
    let isDue = false;
    let isOpen = true;
    const member = { waiting: () => live + answers, overflow, dropSignals };
    all.add(member);

    function push(piece: Piece): void {
      count(piece, 1);
      if (isBlocked) store(queue, piece);
      else queue.pieces.push(piece);
      if (total > nodeBytes) relieve();
    }

    function count({ bytes, kind }: Piece, sign: 1 | -1): void {
      const change = sign * bytes.length;
      if (kind === 'backlog') {
        backlog += change;
        backlogs += change;
        return;
      }
      if (kind === 'answer') answers += change;
      else live += change;
      total += change;
    }

    function flush(): void {
      isDue = false;
      gathered = 0;
      if (isBlocked || queue.pieces.length === 0) return;
      flushedAt = performance.now();
      hand(take(queue, maxWrite));
      // What the kernel took at once has left.
      if (duplex.writableLength === 0) settle();
    }

    function schedule(): void {
      if (isDue) return;
      isDue = true;
      if (performance.now() - flushedAt >= windowMs) soon(flush);
      else later(flush);
    }

    function hand(taken: Piece[]): void {
      for (const { bytes, kind, onLeft } of taken) {
        if (kind === 'answer') handedAnswers += bytes.length;
        else if (kind === 'backlog') handedBacklog += bytes.length;
        else handedLive += bytes.length;
        if (onLeft) leaving.push(onLeft);
      }
      isBlocked = true;
      unanswered++;
      const [first] = taken;
      const bytes = taken.length === 1 && first ? first.bytes : Buffer.concat(taken.map((piece) => piece.bytes));
      handedBytes += bytes.length;
      duplex.write(bytes, answered);
    }

    function answered(): void {
      unanswered--;
      if (unanswered === 0) settle();
    }

    function settle(): void {
      if (!isBlocked) return;
      isBlocked = false;
      uncount(handedLive, handedAnswers, handedBacklog);
      onDrained();
      if (queue.pieces.length > 0) flush();
      else release(queue);
    }

    /** What was handed over has left, or does not count any more, and with it as much else as is given. */
    function uncount(ofLive: number, ofAnswers: number, ofBacklog: number): void {
      live -= ofLive;
      answers -= ofAnswers;
      backlog -= ofBacklog;
      total -= ofLive + ofAnswers;
      backlogs -= ofBacklog;
      handedLive = 0;
      handedAnswers = 0;
      handedBacklog = 0;
      if (leaving.length === 0) return;
      const left = leaving;
      leaving = [];
      for (const onLeft of left) onLeft();
    }

    /** Whoever has read everything gets more, whatever its size. */
    function exceeds({ length }: Buffer): boolean {
      return live > 0 && live + length > socketBytes;
    }

    function makeRoom(bytes: Buffer): boolean {
      flush();
      if (exceeds(bytes)) dropSignals();
      return !exceeds(bytes);
    }

    function dropSignals(): void {
      for (const piece of takeSignals(queue)) count(piece, -1);
    }

    function overflow(isNodeFull: boolean): void {
      if (!isOpen) return;
      countOverflow();
      onOverflow(isNodeFull);
    }

    function shut(): void {
      isOpen = false;
      all.delete(member);
    }

    return {
      add(bytes, kind) {
        if (!isOpen) return;
        if (exceeds(bytes) && !makeRoom(bytes)) return kind === 'signal' ? undefined : overflow(false);
        push({ bytes, kind, onLeft: null });
        gathered += bytes.length;
        if (gathered >= enough) flush();
        else schedule();
      },
      send(bytes, kind) {
        if (isOpen && kind === 'answer' && answers > socketBytes) overflow(false);
        // A stream with much to say must not keep the event loop from hearing that its socket has closed.
        if (!isOpen) return new Promise(setImmediate);
        isDue = true;
        soon(flush);
        if (kind === 'answer' && answers + bytes.length < enough) return void push({ bytes, kind, onLeft: null });
        return new Promise((resolve) => push({ bytes, kind, onLeft: resolve }));
      },
      end() {
        if (!isOpen) return;
        shut();
        if (queue.pieces.length > 0) hand(queue.pieces.splice(0));
      },
      discard() {
        if (isOpen) shut();
        const pieces = queue.pieces.splice(0);
        // A close that comes in the middle of a frame would not be understood.
        const begun = queue.isCut ? pieces[0] : undefined;
        if (begun && !duplex.destroyed) duplex.write(begun.bytes);
        for (const { onLeft } of pieces) if (onLeft) leaving.push(onLeft);
        release(queue);
        isBlocked = false;
        uncount(live, answers, backlog);
      },
      isBlocked: () => isBlocked,
      handedBytes: () => handedBytes,
    };
  }

  return {
    open,
    /** Bytes that wait for their peers to read. */
    queuedBytes: () => total + backlogs,
  };
}

export type Outboxes = ReturnType<typeof createOutboxes>;

/** An outbox, as the others see it. */
interface Member {
  /** Bytes that wait, backlogs aside. */
  waiting(): number;
  overflow(isNodeFull: boolean): void;
  dropSignals(): void;
}

/** Gathers what is due, and does it together. */
function createBatch(schedule: (run: () => void) => void): (work: () => void) => void {
  let due: (() => void)[] = [];
  const run = () => {
    const works = due;
    due = [];
    for (const work of works) work();
  };
  return (work) => {
    if (due.push(work) === 1) schedule(run);
  };
}
