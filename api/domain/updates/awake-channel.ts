import type { ChannelSignal, Entry } from '../../events.ts';
import type { Attachment } from '../../live/audiences.ts';
import type { ChannelFeed } from '../../live/channel-feed.ts';
import type { AcquiredFeed, Feeds } from '../../live/feeds.ts';
import type { Reader } from '../../live/live-source.ts';
import type { Progress } from '../../live/progress.ts';
import type { StreamCursor } from '../../live/stream-cursors.ts';

/** A live stream, as far as channels need it. */
export interface ChannelFollower {
  readonly cursor: StreamCursor;
  /** Makes the stream follow a feed. @param onEnd see `Audiences.attach` */
  attach(feed: ChannelFeed, reader: Reader<Entry>, onEnd: (error?: Error) => void): Attachment;
  /** Called when the stream no longer follows the channel, because of an error of its reader or of the feed. */
  onDetached(channelId: string, error: Error): void;
}

/** Positions that were heard of and are not delivered yet. */
interface HeldPosition {
  position: number;
  release(): void;
}

/** See `createAwakeChannel`. */
export interface AwakeChannelOptions {
  channelId: string;
  /** Position up to which every live stream has everything. */
  position: number;
  feeds: Pick<Feeds, 'openFrom'>;
  progress: Progress;
  /** Called when the feed could not be opened; the next sweep tries again. */
  onError(error: unknown): void;
  /** Milliseconds without a signal after which the channel is idle. */
  idleMs: number;
  now(): number;
}

/** State of a channel at a sweep. `failed`: its streams have ended. */
export type AwakeState = 'busy' | 'idle' | 'failed';

/**
 * A channel whose entries are delivered at the moment: its feed is open, and streams follow it. The progress of the process is held
 * until they have everything that was heard of.
 */
export function createAwakeChannel(options: AwakeChannelOptions) {
  const { channelId, position: start, feeds, progress, onError, idleMs, now } = options;
  const attachments = new Map<ChannelFollower, Attachment>();
  /** Streams that wait for the feed, with frozen cursors. */
  const waiting = new Map<ChannelFollower, Reader<Entry>>();
  /** Two at most: the first may be delivered while more is heard of. */
  const held: HeldPosition[] = [];
  let acquired: AcquiredFeed | null = null;
  let isOpening = false;
  let isClosed = false;
  let heard = start;
  let signalledAt = now();

  return {
    /** Returns the position up to which the feed is complete. */
    position: () => acquired?.feed.last() ?? start,
    /** Whether everything that was heard of is delivered. */
    isSettled: () => held.length === 0,
    /** Opens the feed. Streams that join before are live at once. */
    open,
    /** Takes a signal of the channel. @param position the newest that it tells of */
    accept(signal: ChannelSignal, position: number): void {
      if (position <= heard) return;
      heard = position;
      signalledAt = now();
      // The feed may have the entries already, but not the streams.
      hold(position);
      acquired?.feed.accept(signal);
    },
    /** Lets a stream follow the channel from its reader's position on, unless it does. */
    join(stream: ChannelFollower, reader: Reader<Entry>): void {
      if (attachments.has(stream) || waiting.has(stream)) return;
      signalledAt = now();
      if (acquired) attach(stream, reader, acquired.feed);
      else wait(stream, reader);
      if (reader.position <= (acquired?.feed.last() ?? start)) return;
      // The position was read from the database before any signal told of it.
      hold(reader.position);
      acquired?.feed.raise(reader.position);
    },
    /** Ends the part of a stream that follows the channel. */
    leave,
    /** Releases delivered positions. Must be called a few times a second. */
    sweep(): AwakeState {
      if (acquired === null) {
        if (!isOpening) open();
        return 'busy';
      }
      const { feed } = acquired;
      if (feed.failed()) return 'failed';
      const { delivered, isAnyBehind } = deliveryOf(attachments.values());
      release(Math.min(delivered, feed.last()));
      const isIdle = held.length === 0 && now() - signalledAt >= idleMs;
      return isIdle && !isAnyBehind && delivered >= feed.last() ? 'idle' : 'busy';
    },
    /** Ends the parts of all streams, and gives the feed back. */
    close(): void {
      isClosed = true;
      for (const stream of [...waiting.keys(), ...attachments.keys()]) leave(stream);
      release(Number.POSITIVE_INFINITY);
      acquired?.release();
    },
  };

  function open(): void {
    const opened = feeds.openFrom(channelId, start);
    if (!(opened instanceof Promise)) {
      begin(opened);
      return;
    }
    isOpening = true;
    opened.then(begin, onError).finally(() => {
      isOpening = false;
    });
  }

  function begin(opened: AcquiredFeed): void {
    if (isClosed) {
      opened.release();
      return;
    }
    acquired = opened;
    for (const [stream, reader] of [...waiting]) {
      attach(stream, reader, opened.feed);
      stopWaiting(stream);
    }
    opened.feed.raise(held.at(-1)?.position ?? 0);
  }

  /** Keeps the progress of the process where it is until a position is delivered. */
  function hold(position: number): void {
    const [first, second] = held;
    if (second) second.position = Math.max(second.position, position);
    else if (!first || position > first.position) held.push({ position, release: progress.hold() });
  }

  function release(delivered: number): void {
    for (let [first] = held; first && first.position <= delivered; [first] = held) {
      first.release();
      held.shift();
    }
  }

  function attach(stream: ChannelFollower, reader: Reader<Entry>, feed: ChannelFeed): void {
    let hasEnded = false;
    const onEnd = (error?: Error) => {
      hasEnded = true;
      attachments.delete(stream);
      if (error) stream.onDetached(channelId, error);
    };
    try {
      const attachment = stream.attach(feed, reader, onEnd);
      if (!hasEnded) attachments.set(stream, attachment);
    } catch (error) {
      stream.onDetached(channelId, error instanceof Error ? error : new Error(String(error)));
    }
  }

  function leave(stream: ChannelFollower): void {
    stopWaiting(stream);
    attachments.get(stream)?.leave();
  }

  function wait(stream: ChannelFollower, reader: Reader<Entry>): void {
    stream.cursor.freeze();
    waiting.set(stream, reader);
  }

  function stopWaiting(stream: ChannelFollower): void {
    if (waiting.delete(stream)) stream.cursor.thaw();
  }
}

/** See `createAwakeChannel`. */
export type AwakeChannel = ReturnType<typeof createAwakeChannel>;

/** Returns the position up to which every stream that is not behind has everything. */
function deliveryOf(attachments: Iterable<Attachment>): { delivered: number; isAnyBehind: boolean } {
  let delivered = Number.POSITIVE_INFINITY;
  let isAnyBehind = false;
  for (const attachment of attachments) {
    delivered = Math.min(delivered, attachment.position());
    isAnyBehind ||= attachment.isBehind();
  }
  return { delivered, isAnyBehind };
}
