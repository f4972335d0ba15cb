import { type ActivityChannel, type ActivityChannelOptions, createActivityChannel } from './activity-channel.ts';
import type { ActivitySource } from './activity-source.ts';

/** A channel whose activity is followed, and the number of its subscriptions. */
interface OpenChannel {
  channel: ActivityChannel;
  starting: Promise<void>;
  references: number;
  /** Closes the channel some time after its last subscription. */
  lingerTimer: NodeJS.Timeout | undefined;
}

/** Milliseconds for which a channel without subscriptions stays open for clients that reconnect. */
const defaultLingerMs = 10_000;

/** Creates the activity of the channels that somebody on this node follows, each shared by its followers. */
export function createActivityChannels(options: ActivityChannelOptions & { lingerMs?: number }) {
  const { lingerMs = defaultLingerMs } = options;
  const channels = new Map<string, OpenChannel>();

  return {
    /**
     * Follows a channel for a user, or shares it with others. It is live when this resolves.
     * @returns its signals, and `release`, which must be called once
     * @throws the error that kept it from being followed
     */
    async acquire(channelId: string, userId: string): Promise<{ source: ActivitySource; release(): void }> {
      const open = channels.get(channelId) ?? begin(channelId);
      clearTimeout(open.lingerTimer);
      open.references++;
      const leave = open.channel.join(userId);
      const release = () => {
        leave();
        open.references--;
        if (open.references === 0) open.lingerTimer = setTimeout(() => close(channelId, open), lingerMs);
      };
      try {
        await open.starting;
        return { source: open.channel.source, release };
      } catch (error) {
        leave();
        close(channelId, open);
        throw error;
      }
    },
    /** Number of followed channels. */
    size: () => channels.size,
    /** Number of changes of all channels that wait for a later round. */
    waiting: () => [...channels.values()].reduce((sum, { channel }) => sum + channel.waiting(), 0),
    stop(): void {
      for (const [channelId, open] of channels) close(channelId, open);
    },
  };

  function begin(channelId: string): OpenChannel {
    const channel = createActivityChannel(channelId, options);
    const open = { channel, starting: channel.start(), references: 0, lingerTimer: undefined };
    channels.set(channelId, open);
    return open;
  }

  function close(channelId: string, open: OpenChannel): void {
    clearTimeout(open.lingerTimer);
    if (channels.get(channelId) === open) channels.delete(channelId);
    open.channel.stop();
  }
}
