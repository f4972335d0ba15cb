import type { Entry } from '../../events.ts';
import type { ListRound } from '../../list-round.ts';
import type { Attachment } from '../../live/audiences.ts';
import type { ChannelFeed } from '../../live/channel-feed.ts';
import type { Reader } from '../../live/live-source.ts';
import type { BacklogUpdate, UpdateEvent } from './sweep.ts';

/** Everything that `updates` delivers. `at` is the time up to which everything was delivered. */
export type ShownEvent = UpdateEvent | { type: 'caughtUp'; at: Date };

/** An update as it is read from a stream. */
export interface LiveUpdate {
  event: ShownEvent;
  /** The cursor from which the client misses nothing after it. */
  cursor: string;
  /** The round in which it is executed together with those of other streams. */
  round?: ListRound;
  /** Returns whether a message is in its newest state. Must be asked right before it is handed over. */
  isCurrent?(): boolean;
}

/** Takes everything that one stream delivers. The cursor of the stream is that of all but pages. */
export interface UpdateConsumer {
  /** Follows the messages of a channel. @param onEnd called once when it no longer does, with the error if there is one */
  attach(feed: ChannelFeed, reader: Reader<Entry>, onEnd: (error?: Error) => void): Attachment;
  /** Takes updates of a backlog. Resolves when the next ones can be taken. */
  page(updates: readonly BacklogUpdate[]): Promise<void>;
  /** Takes events that are shown as they are when they are executed. Resolves once they are queued for the client. */
  tell(events: readonly ShownEvent[], round: ListRound | null): Promise<void>;
}
