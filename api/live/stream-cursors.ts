import type { Offsets, Progress } from './progress.ts';
import type { SplicedCursor } from './result-frames.ts';

/** The facts of a cursor. */
export interface CursorState {
  /** Offsets of the log, up to which the client has the changes of its channels. */
  next: Offsets;
  /** Time on the database's clock up to which the client has changes of the user's own records, in epoch milliseconds. */
  time: number;
}

/** The cursor of one stream. It is frozen, without a text, until `resume` and `thaw` were called. */
export interface StreamCursor extends SplicedCursor {
  /** Sets the state from which the stream goes on. @param text its text */
  resume(text: string, state: CursorState): void;
  /** Whether it is frozen. */
  isFrozen(): boolean;
  /** Returns the number of steps since the text was asked for. */
  idleSteps(): number;
}

/** Minimum milliseconds by which the time of cursors moves: each move makes a new text. */
const minMs = 5_000;

/**
 * Creates the cursors of the live streams of a process. Nearly all of them have the same text, which is made once in a step: that
 * of the progress. A stream that resumed from a later state, in partitions where nothing happened since, keeps that.
 */
export function createStreamCursors({ progress, encode }: { progress: Progress; encode(state: CursorState): string }) {
  let time = 0;
  let step = 0;
  /** Changes with the shared text. */
  let version = 0;
  let revision = progress.revision();
  let text: string | null = null;

  return {
    /** Begins a step. @param settled time up to which changes of users' own records were delivered, as in `CursorState` */
    advance(settled: number): void {
      step++;
      progress.advance();
      const isSame = progress.revision() === revision && settled - time < minMs;
      if (isSame) return;
      revision = progress.revision();
      time = Math.max(time, settled);
      version++;
      text = null;
    },
    open,
  };

  function open(): StreamCursor {
    let own: CursorState | null = null;
    let ownText = '';
    let ownVersion = -1;
    let frozen = '';
    let freezes = 1;
    let usedIn = step;

    return {
      text() {
        usedIn = step;
        return freezes > 0 ? frozen : current();
      },
      freeze() {
        if (freezes === 0) frozen = current();
        freezes++;
      },
      thaw() {
        freezes--;
      },
      resume(text, state) {
        frozen = text;
        own = state;
      },
      isFrozen: () => freezes > 0,
      idleSteps: () => step - usedIn,
    };

    function current(): string {
      if (own === null) return sharedText();
      if (ownVersion === version) return ownText;
      ownVersion = version;
      const shared = { next: progress.offsets(), time };
      if (isCovered(own, shared)) {
        own = null;
        return sharedText();
      }
      own = latest(own, shared);
      ownText = encode(own);
      return ownText;
    }
  }

  function sharedText(): string {
    text ??= encode({ next: progress.offsets(), time });
    return text;
  }
}

/** See `createStreamCursors`. */
export type StreamCursors = ReturnType<typeof createStreamCursors>;

function isCovered(own: CursorState, shared: CursorState): boolean {
  return own.time <= shared.time && own.next.every((next, partition) => next <= (shared.next[partition] ?? 0));
}

function latest(own: CursorState, shared: CursorState): CursorState {
  const length = Math.max(own.next.length, shared.next.length);
  const next = Array.from({ length }, (_, n) => Math.max(own.next[n] ?? 0, shared.next[n] ?? 0));
  return { next, time: Math.max(own.time, shared.time) };
}
