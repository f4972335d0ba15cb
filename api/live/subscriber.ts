import type { Positioned, Reader } from './live-source.ts';
import type { Outbox } from './outbox/outboxes.ts';
import type { FrameTarget, SplicedCursor } from './result-frames.ts';

/** The destination of one subscription's messages. */
export interface Sink extends FrameTarget {
  outbox: Outbox;
  cursor: SplicedCursor | null;
  /** The viewer, as the audience's `MakePayloads` takes it; null if nobody is signed in. */
  viewer: object | null;
}

/** One subscription in an audience. */
export interface Subscriber<Item extends Positioned> extends Sink {
  reader: Reader<Item>;
  /** Every item up to this position was queued in the outbox, or is not for this reader. */
  position: number;
  /** True while the subscription has less than the live ones, and its cursor is frozen. */
  isBehind: boolean;
  /** Called once when the subscription ends, with the error if there is one. Null from then on. */
  onEnd: ((error?: Error) => void) | null;
}
