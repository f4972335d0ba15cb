import { ForbiddenError } from '../errors.ts';
import type { Entry } from '../events.ts';
import type { ChannelFeed } from '../live/channel-feed.ts';
import type { Feeds } from '../live/feeds.ts';
import type { Reader } from '../live/live-source.ts';
import { createLiveStream, type LiveStream } from '../live/live-stream.ts';
import { type Access, judgeLiveEntry } from './access.ts';
import type { BlockList, Blocks } from './blocks.ts';
import type { History } from './history.ts';
import type { InvitationWatch, WatchInvitation } from './invitation-watch.ts';
import { requirePosition, requireReplayable } from './resume.ts';

/** Parts that live streams of messages run on. */
export interface MessageStreamOptions {
  feeds: Feeds;
  blocks: Pick<Blocks, 'acquire'>;
  history: Pick<History, 'isTooFar'>;
  access: Pick<Access, 'requireRead'>;
  watchInvitation: WatchInvitation;
  /** Maximum number of changed entries that a resume may be behind. */
  maxReplay: number;
}

/** Creates the live streams of channels' entries, each for one user. */
export function createMessageStreams(options: MessageStreamOptions) {
  const { feeds, blocks, history, access, watchInvitation, maxReplay } = options;

  return {
    /**
     * Opens a stream of the entries that change after a position; it is live when this resolves.
     * @param after null follows from now on
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
        const invitation = channel.isInvited ? await watchInvitation(userId, channelId) : null;
        if (invitation) held.push(invitation.release);
        const { feed, release } = await feeds.acquire(channelId);
        held.unshift(release);
        if (after !== null) requireReplayable(after, channel, await isTooFar(feed, after));
        const from = { position: after ?? channel.position, head: channel.position };
        return createLiveStream(feed, createReader({ userId, ...from }, blocked, invitation), end);
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
  { userId, position, head }: { userId: string; position: number; head: number },
  blocked: BlockList,
  invitation: InvitationWatch | null,
): Reader<Entry> {
  const reader = { userId, head, hasBlocked: blocked.has };
  if (invitation === null) return { position, judge: (entry) => judgeLiveEntry(entry, reader) };
  return {
    position,
    judge: (entry) =>
      invitation.isDeclined()
        ? new ForbiddenError('You have declined the invitation to this channel.')
        : judgeLiveEntry(entry, reader),
  };
}
