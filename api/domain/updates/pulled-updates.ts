import { createAlarm } from '../../alarm.ts';
import { UnavailableError } from '../../errors.ts';
import type { Entry } from '../../events.ts';
import { ignore } from '../../ignore.ts';
import type { ListRound } from '../../list-round.ts';
import type { Attachment } from '../../live/audiences.ts';
import type { ChannelFeed } from '../../live/channel-feed.ts';
import type { Reader } from '../../live/live-source.ts';
import type { SplicedCursor } from '../../live/result-frames.ts';
import type { LiveUpdate, ShownEvent, UpdateConsumer } from './live-update.ts';
import { encodeUpdateCursor, type UpdateCursor } from './update-cursor.ts';

/** A feed that a stream follows. */
interface Pulled {
  feed: ChannelFeed;
  reader: Reader<Entry>;
  /** Position up to which the reader has everything. */
  position: number;
  isBehind: boolean;
  /** Ends it. */
  end(error?: Error): void;
}

/** An event that waits to be read. */
interface Waiting {
  event: ShownEvent;
  /** Null takes the cursor of the stream. */
  cursor: UpdateCursor | null;
  round: ListRound | null;
  /** Called when the reader asks for the one after it. */
  done(): void;
}

/** Maximum number of entries that are read from a feed before others have their turn. */
const pageSize = 100;

/**
 * Creates the consumer of a stream whose reader asks for one update after another, at its own pace. The cursor is frozen while it
 * is behind.
 * @param cursor the cursor of the stream
 */
export function createPulledUpdates(cursor: SplicedCursor) {
  const waiting: Waiting[] = [];
  const behind = new Set<Pulled>();
  const alarm = createAlarm();
  const consumer: UpdateConsumer = {
    attach,
    page: (updates) => queue(updates.map((update) => ({ ...update, round: null }))),
    tell: (events, round) => queue(events.map((event) => ({ event, cursor: null, round }))),
  };

  return { consumer, updates };

  /** Yields everything until the signal aborts. */
  async function* updates(signal: AbortSignal): AsyncGenerator<LiveUpdate, void> {
    while (!signal.aborted) {
      const next = waiting.shift();
      const [pulled] = behind;
      if (next) {
        const { event, round, done } = next;
        yield { event, cursor: next.cursor ? encodeUpdateCursor(next.cursor) : cursor.text(), ...(round && { round }) };
        done();
      } else if (pulled) yield* entriesOf(pulled);
      else await alarm.wait(signal);
    }
  }

  /** Resolves when the reader has taken the events. */
  function queue(events: readonly Omit<Waiting, 'done'>[]): Promise<void> {
    return new Promise((resolve) => {
      for (const [n, event] of events.entries())
        waiting.push({ ...event, done: n === events.length - 1 ? resolve : ignore });
      if (events.length === 0) resolve();
      alarm.ring();
    });
  }

  function attach(feed: ChannelFeed, reader: Reader<Entry>, onEnd: (error?: Error) => void): Attachment {
    let hasEnded = false;
    const pulled: Pulled = {
      feed,
      reader,
      position: reader.position,
      isBehind: false,
      end(error) {
        if (hasEnded) return;
        hasEnded = true;
        unlisten();
        setBehind(pulled, false);
        onEnd(error);
      },
    };
    const look = () => {
      if (feed.last() > pulled.position || feed.failed()) setBehind(pulled, true);
    };
    const unlisten = feed.listen(look);
    look();
    return { leave: () => pulled.end(), isBehind: () => pulled.isBehind, position: () => Number.POSITIVE_INFINITY };
  }

  function setBehind(pulled: Pulled, isBehind: boolean): void {
    if (pulled.isBehind === isBehind) return;
    pulled.isBehind = isBehind;
    if (isBehind) {
      cursor.freeze();
      behind.add(pulled);
      alarm.ring();
    } else {
      behind.delete(pulled);
      cursor.thaw();
    }
  }

  /** Yields some entries of a feed, each in its newest state, and lets others have their turn. */
  async function* entriesOf(pulled: Pulled): AsyncGenerator<LiveUpdate, void> {
    const { feed, reader } = pulled;
    behind.delete(pulled);
    behind.add(pulled);
    try {
      const version = feed.version();
      const { entries, through } =
        feed.since(pulled.position, pageSize) ?? (await feed.read(pulled.position, pageSize));
      for (const entry of entries) {
        const current = feed.current([entry], version);
        // They must be read again.
        if (current === null || !behind.has(pulled)) return;
        const verdict = reader.judge(entry);
        if (verdict instanceof Error) return pulled.end(verdict);
        pulled.position = entry.position;
        if (current.length > 0 && verdict !== 'skip')
          yield {
            event: { type: 'message', entry },
            cursor: cursor.text(),
            isCurrent: () => isCurrent(feed, entry, version),
          };
      }
      pulled.position = Math.max(pulled.position, through);
      if (feed.last() <= pulled.position) setBehind(pulled, false);
    } catch (error) {
      pulled.end(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/**
 * Returns whether no later state, which follows, has replaced an entry.
 * @throws UnavailableError if the feed no longer knows: the reader must resume
 */
function isCurrent(feed: ChannelFeed, entry: Entry, version: number): boolean {
  const current = feed.current([entry], version);
  if (current === null) throw new UnavailableError('Too many messages changed meanwhile: subscribe again.');
  return current.length > 0;
}
