import type { Entry } from '../events.ts';
import type { ChannelFeed } from '../live/channel-feed.ts';
import type { Feeds } from '../live/feeds.ts';
import type { Reader } from '../live/live-source.ts';
import { createLiveStream, type LiveStream } from '../live/live-stream.ts';
import { type Access, judgeLiveEntry } from './access.ts';
import type { BlockList, Blocks } from './blocks.ts';
import type { History } from './history.ts';
import { requirePosition, requireReplayable } from './resume.ts';

/** Parts that live streams of messages run on. */
export interface MessageStreamOptions {
  feeds: Feeds;
  blocks: Pick<Blocks, 'acquire'>;
  history: Pick<History, 'isTooFar'>;
  access: Pick<Access, 'requireRead'>;
  /** Maximum number of changed entries that a resume may be behind. */
  maxReplay: number;
}

/** Creates the live streams of channels' entries, each for one user. */
export function createMessageStreams({ feeds, blocks, history, access, maxReplay }: MessageStreamOptions) {
  return {
    /**
     * Opens a stream of the entries that change after a position; it is live when this resolves.
     * @param after null follows from now on
     * @throws BadUserInputError, NotFoundError, ForbiddenError or ResyncRequiredError
     */
    async open(userId: string, channelId: string, after: number | null): Promise<LiveStream<Entry>> {
      requirePosition(after);
      const channel = await access.requireRead(channelId, userId);
      const blocked = await blocks.acquire(userId);
      const { feed, release } = await feeds.acquire(channelId).catch((error: unknown) => {
        blocked.release();
        throw error;
      });
      const end = () => {
        release();
        blocked.release();
      };
      try {
        if (after !== null) requireReplayable(after, channel, await isTooFar(feed, after));
        const from = { position: after ?? channel.position, head: channel.position };
        return createLiveStream(feed, createReader(userId, from, blocked), end);
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

function createReader(
  userId: string,
  { position, head }: { position: number; head: number },
  blocked: BlockList,
): Reader<Entry> {
  const reader = { userId, head, hasBlocked: blocked.has };
  return { position, judge: (entry) => judgeLiveEntry(entry, reader) };
}
