import type { ChannelSignal, Entry, Head } from '../../events.ts';
import { ignore } from '../../ignore.ts';
import { FeedRestartedError } from '../../live/channel-feed.ts';
import type { ChannelListener, ChannelSignals } from '../../live/channel-signals.ts';
import type { Reader } from '../../live/live-source.ts';
import {
  type AwakeChannel,
  type AwakeChannelOptions,
  type ChannelFollower,
  createAwakeChannel,
} from './awake-channel.ts';

/** A user of live streams, as far as channels need it. */
export interface ChannelUser {
  /** Streams that have resumed. */
  readonly live: ReadonlySet<ChannelFollower>;
  /** All streams. */
  readonly streams: ReadonlySet<{ end(error: Error): void }>;
  /** Called when a channel was removed. */
  onRemovedChannel(channelId: string): void;
  /** Called with a signal of a channel that is not about its entries. */
  onSignal(signal: ChannelSignal): void;
  /** Returns the reader of a channel from a position on. */
  readerOf(channelId: string, position: number): Reader<Entry>;
  /** Called when everything of a channel up to a position was judged for the user's live streams. */
  onJudged(channelId: string, position: number): void;
}

/** A channel that live streams follow. */
interface HubChannel {
  readonly channelId: string;
  /** Number of calls of `follow` without one of `unfollow`. */
  references: number;
  /** Members who have entered. */
  users: Set<ChannelUser>;
  /** Users without entries: a room asks them. */
  observers: Set<ChannelUser>;
  /** While it sleeps: every live stream has everything up to here. -1 before it is followed. */
  position: number;
  awake: AwakeChannel | null;
  /** Resolves once signals arrive; null from then on. */
  following: Promise<void> | null;
}

/** See `createHubChannels`. */
interface HubChannelsOptions extends Omit<AwakeChannelOptions, 'channelId' | 'position' | 'idleMs' | 'now'> {
  signals: Pick<ChannelSignals, 'follow' | 'unfollow' | 'head'>;
  idleMs?: number;
  now?(): number;
}

/** See `join`. */
interface JoinRequest {
  user: ChannelUser;
  stream: ChannelFollower;
  position: number;
}

/** Milliseconds without a signal after which a channel sleeps. */
const defaultIdleMs = 30_000;

/**
 * The channels that live streams of many channels follow. A channel wakes when a signal moves its head: its feed opens, and the
 * streams of its members join the audiences of their selections. After a while without signals it sleeps, and costs little more
 * than its subscription.
 * @param options.idleMs milliseconds without a signal after which a channel sleeps
 */
export function createHubChannels(options: HubChannelsOptions) {
  const { signals, idleMs = defaultIdleMs, now = () => performance.now() } = options;
  const channels = new Map<string, HubChannel>();
  const awake = new Set<HubChannel>();
  const listener: ChannelListener = { onSignal, onRestored };

  return {
    /** Follows a channel. Signals arrive once this resolves. @throws the error that kept it from being followed */
    async follow(channelId: string): Promise<void> {
      const channel = channels.get(channelId) ?? open(channelId);
      channel.references++;
      try {
        await channel.following;
      } catch (error) {
        unfollow(channelId);
        throw error;
      }
    },
    /** Must be called as often as `follow`. @param user the user who had entered or observed, and whose streams leave */
    unfollow,
    /** Lets a member of a channel that is followed enter. The user's streams are to join. */
    enter: (channelId: string, user: ChannelUser) => void channels.get(channelId)?.users.add(user),
    /** Lets a user observe a channel that is followed: changes of its properties, without its entries. */
    observe: (channelId: string, user: ChannelUser) => void channels.get(channelId)?.observers.add(user),
    /** Makes a stream of a user who has entered live in a channel: it gets each entry after a position. */
    join(channelId: string, { user, stream, position }: JoinRequest): void {
      const channel = channels.get(channelId);
      if (channel === undefined || (channel.awake === null && channel.position === position)) return;
      const reader = user.readerOf(channelId, position);
      if (channel.awake) channel.awake.join(stream, reader);
      else wake(channel, (woken) => woken.join(stream, reader));
    },
    /** Ends the part of a stream that follows a channel. */
    leave: (channelId: string, stream: ChannelFollower): void => channels.get(channelId)?.awake?.leave(stream),
    /** Whether everything that was heard of in a channel is delivered. */
    isSettled: (channelId: string): boolean => channels.get(channelId)?.awake?.isSettled() ?? true,
    /** Releases delivered positions, and puts idle channels to sleep. Must be called a few times a second. */
    sweep(): void {
      for (const channel of awake) sweepChannel(channel);
    },
    /** Number of channels, and of those that are awake, for metrics and tests. */
    size: () => channels.size,
    awake: () => awake.size,
  };

  function open(channelId: string): HubChannel {
    const channel: HubChannel = {
      channelId,
      references: 0,
      users: new Set(),
      observers: new Set(),
      position: -1,
      awake: null,
      following: null,
    };
    channel.following = signals.follow(channelId, listener).then(({ position }) => {
      channel.position = Math.max(channel.position, position);
      channel.following = null;
    });
    channels.set(channelId, channel);
    return channel;
  }

  function unfollow(channelId: string, user: ChannelUser | null = null): void {
    const channel = channels.get(channelId);
    if (channel === undefined) return;
    if (user) channel.observers.delete(user);
    if (user && channel.users.delete(user)) for (const stream of user.live) channel.awake?.leave(stream);
    channel.references--;
    if (channel.references > 0) return;
    fallAsleep(channel);
    channels.delete(channelId);
    signals.unfollow(channelId, listener);
  }

  function onSignal(signal: ChannelSignal): void {
    const { head, profileOf } = signal;
    const channel = channels.get(head.channelId);
    if (channel === undefined) return;
    if (head.changed || profileOf !== undefined) for (const user of channel.users) user.onSignal(signal);
    if (head.changed) for (const user of channel.observers) user.onSignal(signal);
    const position = Math.max(head.position, signal.entries.at(-1)?.position ?? 0);
    if (channel.awake || position > channel.position) move(channel, signal, position);
    if (head.partition >= 0 && head.through >= 0 && head.offset >= 0)
      options.progress.heard(head.partition, Math.min(head.through, head.offset) + 1);
  }

  function move(channel: HubChannel, signal: ChannelSignal, position: number): void {
    if (channel.awake === null && !hasLive(channel)) {
      // Streams that resume at the moment get it then.
      channel.position = position;
      return;
    }
    (channel.awake ?? wake(channel)).accept(signal, position);
  }

  /**
   * Opens a channel at the position that its live streams have, so that they are live before they get anything.
   * @param joinFirst lets a stream join that has another position
   */
  function wake(channel: HubChannel, joinFirst: (woken: AwakeChannel) => void = ignore): AwakeChannel {
    const { channelId, position } = channel;
    const onError = (error: unknown) => options.onError(error);
    const woken = createAwakeChannel({ ...options, channelId, position, onError, idleMs, now });
    channel.awake = woken;
    awake.add(channel);
    joinFirst(woken);
    for (const user of channel.users)
      for (const stream of user.live) woken.join(stream, user.readerOf(channelId, position));
    woken.open();
    return woken;
  }

  function sweepChannel(channel: HubChannel): void {
    const { channelId, awake: present } = channel;
    const state = present?.sweep() ?? 'busy';
    if (state === 'busy' || present === null) return;
    // The streams of a feed that has failed have ended: others begin at the state of the database.
    channel.position = state === 'failed' ? (signals.head(channelId)?.position ?? 0) : present.position();
    if (state === 'idle')
      for (const user of channel.users) if (user.live.size > 0) user.onJudged(channelId, channel.position);
    fallAsleep(channel);
  }

  function fallAsleep(channel: HubChannel): void {
    channel.awake?.close();
    channel.awake = null;
    awake.delete(channel);
  }

  /** The database was restored to an older state, so some of the delivered entries may be gone: streams must resume. */
  function onRestored({ channelId, position, version }: Head): void {
    const channel = channels.get(channelId);
    if (channel === undefined) return;
    fallAsleep(channel);
    channel.position = position;
    if (version === 0) {
      for (const user of [...channel.users, ...channel.observers]) user.onRemovedChannel(channelId);
      return;
    }
    const error = new FeedRestartedError(`channel ${channelId} was restored to an older state`);
    for (const user of [...channel.users, ...channel.observers])
      for (const stream of [...user.streams]) stream.end(error);
  }
}

/** The channels of a node's live streams, made by `createHubChannels`. */
export type HubChannels = ReturnType<typeof createHubChannels>;

function hasLive({ users }: HubChannel): boolean {
  for (const { live } of users) if (live.size > 0) return true;
  return false;
}
