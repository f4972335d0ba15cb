import type { Duplex } from 'node:stream';
import { createQueue, type Piece, type Queue } from './queue.ts';

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

/** What is kept of one socket: the work is the node's, so that ten thousand of them are ten thousand records and little else. */
export interface OutboxRecord extends OutboxListener {
  duplex: Duplex;
  queue: Queue;
  /** Bytes that have not left. */
  live: number;
  answers: number;
  backlog: number;
  /** Of these, what was handed to the socket, and who waits for it. */
  handedLive: number;
  handedAnswers: number;
  handedBacklog: number;
  leaving: (() => void)[] | null;
  handedBytes: number;
  isBlocked: boolean;
  unanswered: number;
  /** Called when a write is done. */
  answered(): void;
  /** Bytes that wait for the end of their window. */
  gathered: number;
  flushedAt: number;
  isDue: boolean;
  isOpen: boolean;
}

/** @param answered called when a write is done */
export function createOutboxRecord(
  duplex: Duplex,
  { onDrained, onOverflow }: OutboxListener,
  answered: () => void,
): OutboxRecord {
  return {
    duplex,
    onDrained,
    onOverflow,
    answered,
    queue: createQueue(),
    live: 0,
    answers: 0,
    backlog: 0,
    handedLive: 0,
    handedAnswers: 0,
    handedBacklog: 0,
    leaving: null,
    handedBytes: 0,
    isBlocked: false,
    unanswered: 0,
    gathered: 0,
    flushedAt: Number.NEGATIVE_INFINITY,
    isDue: false,
    isOpen: true,
  };
}

/** Hands pieces to the socket, in one write. */
export function hand(box: OutboxRecord, taken: Piece[]): void {
  for (const piece of taken) {
    const { length } = piece.bytes;
    if (piece.kind === 'answer') box.handedAnswers += length;
    else if (piece.kind === 'backlog') box.handedBacklog += length;
    else box.handedLive += length;
    noteWaiting(box, piece);
  }
  box.isBlocked = true;
  box.unanswered++;
  const [first] = taken;
  const bytes = taken.length === 1 && first ? first.bytes : Buffer.concat(taken.map((piece) => piece.bytes));
  box.handedBytes += bytes.length;
  box.duplex.write(bytes, box.answered);
}

/** Whoever waits for a piece hears of it with what leaves next. */
export function noteWaiting(box: OutboxRecord, { onLeft }: Piece): void {
  if (onLeft === null) return;
  box.leaving ??= [];
  box.leaving.push(onLeft);
}
