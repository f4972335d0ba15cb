import type { Entry } from '../events.ts';
import type { ChannelFeed } from '../live/channel-feed.ts';
import type { Feeds } from '../live/feeds.ts';
import type { Reader } from '../live/live-source.ts';
import { createLiveStream, type LiveStream } from '../live/live-stream.ts';
import { type Access, judgeLiveEntry, type ReadAccess } from './access.ts';
import type { BlockList, Blocks } from './blocks.ts';
import type { History } from './history.ts';
import type { ReadingWatch, WatchReading } from './reading-watch.ts';
import { requirePosition, requireReplayable } from './resume.ts';

/** Parts that live streams of messages run on. */
export interface MessageStreamOptions {
  feeds: Feeds;
  blocks: Pick<Blocks, 'acquire'>;
  history: Pick<History, 'isTooFar'>;
  access: Pick<Access, 'requireRead'>;
  watchReading: WatchReading;
  /** Maximum number of changed entries that a resume may be behind. */
  maxReplay: number;
}

/** Creates the live streams of channels' entries, each for one user. */
export function createMessageStreams(options: MessageStreamOptions) {
  const { feeds, blocks, history, access, watchReading, maxReplay } = options;

  return {
    /**
     * Opens a stream of the entries that change after a position; it is live when this resolves.
     * @param after null follows from now on; hidden entries that changed later are left out
     * @throws BadUserInputError, NotFoundError, ForbiddenError or ResyncRequiredError
     */
    async open(userId: string, channelId: string, after: number | null): Promise<LiveStream<Entry>> {
      requirePosition(after);
      const channel = await access.requireRead(channelId, userId);
      const held: (() => void)[] = [];
      const end = () => {
        for (const release of held.splice(0)) release();
      };
      try {
        const blocked = await blocks.acquire(userId);
        held.push(blocked.release);
        const watch = mayChange(channel) ? await watchReading(userId, channelId, channel) : null;
        if (watch) held.push(watch.release);
        const { feed, release } = await feeds.acquire(channelId);
        held.unshift(release);
        const position = after === null ? channel.position : Math.max(after, channel.start.position - 1);
        if (after !== null) requireReplayable(position, channel, await isTooFar(feed, position));
        return createLiveStream(feed, createReader({ userId, position, channel }, blocked, watch), end);
      } catch (error) {
        end();
        throw error;
      }
    },
  };

  /** Asks the database only about changes that the feed does not hold. */
  async function isTooFar(feed: ChannelFeed, after: number): Promise<boolean> {
    const held = feed.since(after);
    if (held && held.entries.length <= maxReplay) return false;
    return history.isTooFar(feed.channelId, after);
  }
}

/** Whether a user's access may change without an entry in the channel. */
function mayChange({ isInvited, mayStartMove }: ReadAccess): boolean {
  return isInvited || mayStartMove;
}

function createReader(
  { userId, position, channel }: { userId: string; position: number; channel: ReadAccess },
  blocked: BlockList,
  watch: ReadingWatch | null,
): Reader<Entry> {
  const readableFrom = () => channel.start.seq;
  const reader = { userId, head: channel.position, readableFrom, hasBlocked: blocked.has };
  if (watch === null) return { position, readableFrom, judge: (entry) => judgeLiveEntry(entry, reader) };
  return { position, readableFrom, judge: (entry) => watch.ended() ?? judgeLiveEntry(entry, reader) };
}
