import type { Duplex } from 'node:stream';

/**
 * What a piece is, and so how it counts: `entry`, of an audience; `signal`, the same, but it goes first where a bound is
 * reached; `answer`, what the peer has asked for; `backlog`, which counts against nothing, since its sender waits until it
 * has left before it gives more.
 */
type PieceKind = 'entry' | 'signal' | 'answer' | 'backlog';

interface Piece {
  bytes: Buffer;
  kind: PieceKind;
  /** Called when it has left, or never will. */
  onLeft: (() => void) | null;
}

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
  /** Forgets what has not left, and takes no more. */
  discard(): void;
}

/** Who hears of what happens to an outbox. */
export interface OutboxListener {
  /** The peer has taken something. */
  onDrained(): void;
  /** The peer reads too slowly: the socket is to be closed. */
  onOverflow(): void;
}

/** See `createOutboxes`. */
export interface OutboxBounds {
  windowMs: number;
  socketBytes: number;
  nodeBytes: number;
  /** Counts peers that read too slowly. */
  onOverflow(): void;
}

/** The most that is handed to a socket at once, in bytes: what is not handed over yet can still be forgotten. */
const maxWrite = 65_536;
/** From so many bytes on frames leave without waiting for more, and answers wait for their reader. */
const enough = 16_384;

/**
 * The outboxes of a node.
 * @param options.windowMs frames of one window leave a socket in one write, in milliseconds; 0: no waiting
 * @param options.socketBytes the most of entries and signals, and the most of answers, that may wait for one peer to read;
 *   above it that one overflows
 * @param options.nodeBytes the most that may wait for all of them; above it the fullest overflow
 */
export function createOutboxes({ windowMs, socketBytes, nodeBytes, onOverflow: countOverflow }: OutboxBounds) {
  const all = new Set<{ waiting(): number; overflow(): void }>();
  const soon = createBatch((flush) => setImmediate(flush));
  const later = createBatch((flush) => setTimeout(flush, windowMs));
  let total = 0;

  function relieve(): void {
    for (const { overflow } of [...all].sort((a, b) => b.waiting() - a.waiting())) {
      if (total <= nodeBytes) return;
      overflow();
    }
  }

  function open(duplex: Duplex, { onDrained, onOverflow }: OutboxListener): Outbox {
    let pieces: Piece[] = [];
    /** What was handed to the socket and has not left. */
    let handed: Piece[] = [];
    let unanswered = 0;
    /** Bytes that have not left. */
    let live = 0;
    let answers = 0;
    /** Bytes that wait for the end of their window. */
    let gathered = 0;
    let flushedAt = Number.NEGATIVE_INFINITY;
    let isDue = false;
    let isOpen = true;
    const member = { waiting: () => live + answers, overflow };
    all.add(member);

    function push(piece: Piece): void {
      pieces.push(piece);
      count(piece, 1);
      if (total > nodeBytes) relieve();
    }

    function count({ bytes, kind }: Piece, sign: 1 | -1): void {
      if (kind === 'backlog') return;
      const change = sign * bytes.length;
      if (kind === 'answer') answers += change;
      else live += change;
      total += change;
    }

    function flush(): void {
      isDue = false;
      gathered = 0;
      if (handed.length > 0 || pieces.length === 0) return;
      flushedAt = performance.now();
      hand(takeUpTo(maxWrite));
      // What the kernel took at once has left.
      if (duplex.writableLength === 0) settle();
    }

    function schedule(): void {
      if (isDue) return;
      isDue = true;
      if (performance.now() - flushedAt >= windowMs) soon(flush);
      else later(flush);
    }

    function takeUpTo(most: number): Piece[] {
      let end = 0;
      for (let bytes = 0; end < pieces.length; end++) {
        bytes += pieces[end]?.bytes.length ?? 0;
        if (bytes > most && end > 0) break;
      }
      return pieces.splice(0, end);
    }

    function hand(taken: Piece[]): void {
      handed = handed.length === 0 ? taken : [...handed, ...taken];
      unanswered++;
      const [first] = taken;
      const bytes = taken.length === 1 && first ? first.bytes : Buffer.concat(taken.map((piece) => piece.bytes));
      duplex.write(bytes, answered);
    }

    function answered(): void {
      unanswered--;
      if (unanswered === 0) settle();
    }

    function settle(): void {
      if (handed.length === 0) return;
      const left = handed;
      handed = [];
      leave(left);
      onDrained();
      if (pieces.length > 0) flush();
    }

    function leave(left: readonly Piece[]): void {
      for (const piece of left) {
        count(piece, -1);
        piece.onLeft?.();
      }
    }

    function dropSignals(): void {
      leave(pieces.filter(({ kind }) => kind === 'signal'));
      pieces = pieces.filter(({ kind }) => kind !== 'signal');
    }

    function overflow(): void {
      if (!isOpen) return;
      countOverflow();
      onOverflow();
    }

    function shut(): void {
      isOpen = false;
      all.delete(member);
    }

    return {
      add(bytes, kind) {
        if (!isOpen) return;
        const exceeds = () => live > 0 && live + bytes.length > socketBytes;
        if (exceeds()) flush();
        if (exceeds()) dropSignals();
        // Whoever has read everything gets more, whatever its size.
        if (exceeds()) return kind === 'signal' ? undefined : overflow();
        push({ bytes, kind, onLeft: null });
        gathered += bytes.length;
        if (gathered >= enough) flush();
        else schedule();
      },
      send(bytes, kind) {
        if (isOpen && kind === 'answer' && answers > socketBytes) overflow();
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
        if (pieces.length > 0) hand(pieces.splice(0));
      },
      discard() {
        shut();
        leave(pieces.splice(0));
      },
    };
  }

  return {
    open,
    /** Bytes that wait for their peers to read, backlogs aside. */
    queuedBytes: () => total,
  };
}

export type Outboxes = ReturnType<typeof createOutboxes>;

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
