import type { ResultType } from './frames.ts';
import type { Positioned, Reader } from './live-source.ts';
import type { Outbox } from './outbox/outboxes.ts';

/** The destination of one subscription's messages. */
export interface Sink {
  outbox: Outbox;
  /** The operation's id, as JSON. */
  idJson: string;
  /** Type of its messages, by the protocol of its socket. */
  resultType: ResultType;
  /** The viewer, as the audience's `MakePayloads` takes it; null if nobody is signed in. */
  viewer: object | null;
}

/** One subscription in an audience. */
export interface Subscriber<Item extends Positioned> extends Sink {
  reader: Reader<Item>;
  /** Every item up to this position was queued in the outbox, or is not for this reader. */
  position: number;
  /** Called once when the subscription ends, with the error if there is one. Null from then on. */
  onEnd: ((error?: Error) => void) | null;
}
