import type { ChannelSignal, UserSignal } from '../../events.ts';
import type { UserListener, UserSignals } from '../../live/user-signals.ts';
import { judgeLiveEntry } from '../access.ts';
import type { BlockList, Blocks } from '../blocks.ts';
import type { ChannelFollower } from './awake-channel.ts';
import type { ChannelUser, HubChannels } from './hub-channels.ts';
import type { MembershipSource, Memberships } from './memberships.ts';
import type { OwnEvent, OwnEvents } from './own-events.ts';

/** A stream, as far as its user needs it. */
export interface UserStream extends ChannelFollower {
  readonly own: OwnEvents;
  /** Called when the user joined a channel. @param position the stream gets everything after it */
  onGained(channelId: string, position: number): void;
  /** Called when the user is no longer a member of a channel. */
  onLost(channelId: string): void;
  /** Called when signals may have been missed: looks the user's own changes up. */
  heal(): Promise<void>;
  end(error?: Error): void;
}

/** A user who follows something on this node. */
export interface HubUser extends ChannelUser {
  readonly userId: string;
  readonly streams: Set<UserStream>;
  readonly live: Set<UserStream>;
  /** The user's channels, each with a position at which the user was a member. */
  readonly channels: Map<string, number>;
}

interface State extends HubUser {
  /** Number of streams, also of those that open. */
  references: number;
  blockList: BlockList | null;
  blockedIds: ReadonlySet<string>;
  /** Resolves once signals arrive. */
  opening: Promise<void>;
  /** The last of the reloads, which run one after another. */
  reloads: Promise<void>;
  /** Whether the last of them has not begun. */
  isReloadQueued: boolean;
}

/**
 * The users whose streams follow all of their channels: it knows the channels of each, and tells the streams of changes that concern
 * the user alone.
 * @param options.mayMiss whether signals may be missing at the moment
 * @param options.onError called with the error of a reload that no caller waits for; the next verification tries again
 */
export function createHubUsers(options: {
  signals: Pick<UserSignals, 'follow' | 'unfollow'>;
  channels: HubChannels;
  memberships: MembershipSource;
  blocks: Pick<Blocks, 'acquire'>;
  mayMiss(): boolean;
  onError(error: unknown): void;
}) {
  const { signals, channels, memberships, blocks, mayMiss, onError } = options;
  const users = new Map<string, State>();
  const listener: UserListener = { onSignal, verify };

  return {
    /**
     * Adds a stream that opens to its user, whose channels are followed and known when this resolves.
     * @throws the error that kept them from being followed
     */
    async join(userId: string): Promise<HubUser> {
      const user = users.get(userId) ?? open(userId);
      user.references++;
      try {
        await user.opening;
        await reload(user);
        return user;
      } catch (error) {
        release(user);
        throw error;
      }
    },
    /** Removes a stream of a user that joined. */
    leave(user: HubUser, stream: UserStream): void {
      user.streams.delete(stream);
      user.live.delete(stream);
      for (const channelId of user.channels.keys()) channels.leave(channelId, stream);
      release(user as State);
    },
    /** Must be called when the reader of a stream found that the user is no longer a member of a channel. */
    onRemoved(user: HubUser, channelId: string): void {
      lose(user as State, channelId);
      // The user may have joined again.
      withFrozen(user as State, () => reload(user as State)).catch(onError);
    },
    /** Number of users, for metrics and tests. */
    size: () => users.size,
  };

  function open(userId: string): State {
    const user: State = {
      userId,
      streams: new Set(),
      live: new Set(),
      channels: new Map(),
      references: 0,
      blockList: null,
      blockedIds: new Set(),
      opening: Promise.resolve(),
      reloads: Promise.resolve(),
      isReloadQueued: false,
      onRemovedChannel: (channelId) => void reloadAndTell(user, { type: 'membership', channelId }),
      onSignal: (signal) => onChannelSignal(user, signal),
      readerOf: (channelId, position) => readerOf(user, channelId, position),
      onJudged: (channelId, position) => void (user.channels.has(channelId) && user.channels.set(channelId, position)),
    };
    users.set(userId, user);
    user.opening = start(user);
    return user;
  }

  async function start(user: State): Promise<void> {
    await signals.follow(user.userId, listener);
    user.blockList = await blocks.acquire(user.userId);
    user.blockedIds = new Set(await memberships.blocked(user.userId));
  }

  function release(user: State): void {
    user.references--;
    if (user.references > 0) return;
    if (users.get(user.userId) === user) users.delete(user.userId);
    signals.unfollow(user.userId, listener);
    user.blockList?.release();
    for (const channelId of user.channels.keys()) channels.unfollow(channelId, user);
    user.channels.clear();
  }

  function readerOf(user: State, channelId: string, position: number) {
    const head = user.channels.get(channelId) ?? position;
    const reader = { userId: user.userId, head, hasBlocked: (userId: string) => user.blockList?.has(userId) ?? false };
    return { position, judge: (entry: Parameters<typeof judgeLiveEntry>[0]) => judgeLiveEntry(entry, reader) };
  }

  function onChannelSignal({ streams }: State, { head, profileOf }: ChannelSignal): void {
    for (const { own } of streams)
      own.add(
        profileOf === undefined ? { type: 'channel', channelId: head.channelId } : { type: 'user', userId: profileOf },
      );
  }

  function onSignal(userId: string, signal: UserSignal): void {
    const user = users.get(userId);
    if (user === undefined) return;
    const event = eventOf(userId, signal);
    if (signal.type === 'membership') void reloadAndTell(user, event);
    else tell(user, event);
    if (signal.type === 'blocks') withFrozen(user, () => compareBlocks(user)).catch(onError);
  }

  /** Changes that the reload finds are told together with the event. */
  async function reloadAndTell(user: State, event: OwnEvent | null): Promise<void> {
    await withFrozen(user, () => reload(user)).catch(onError);
    tell(user, event);
  }

  function tell({ streams }: State, event: OwnEvent | null): void {
    if (event) for (const { own } of streams) own.add(event);
  }

  async function verify(userIds: readonly string[]): Promise<void> {
    const mayHaveMissed = mayMiss();
    await Promise.all(
      userIds.map(async (userId) => {
        const user = users.get(userId);
        if (user === undefined) return;
        await reload(user);
        if (mayHaveMissed) await Promise.all([...user.streams].map((stream) => stream.heal()));
      }),
    );
  }

  /** Keeps the cursors of the user's streams while something is looked up that they are told of later. */
  async function withFrozen(user: State, lookUp: () => Promise<void>): Promise<void> {
    const cursors = [...user.streams].map(({ cursor }) => cursor);
    for (const cursor of cursors) cursor.freeze();
    try {
      await lookUp();
    } finally {
      for (const cursor of cursors) cursor.thaw();
    }
  }

  /** Reads the user's channels by a query that starts after this call, and takes them over. */
  function reload(user: State): Promise<void> {
    if (user.isReloadQueued) return user.reloads;
    user.isReloadQueued = true;
    const run = async () => {
      user.isReloadQueued = false;
      if (user.references > 0) await replaceChannels(user, await memberships.read(user.userId));
    };
    user.reloads = user.reloads.then(run, run);
    return user.reloads;
  }

  async function replaceChannels(user: State, found: Memberships): Promise<void> {
    for (const channelId of [...user.channels.keys()]) if (!found.has(channelId)) lose(user, channelId);
    await Promise.all([...found].map(([channelId, position]) => take(user, channelId, position)));
  }

  async function take(user: State, channelId: string, position: number): Promise<void> {
    if (user.channels.has(channelId)) return void user.channels.set(channelId, position);
    await channels.follow(channelId);
    if (user.references === 0) {
      channels.unfollow(channelId);
      return;
    }
    user.channels.set(channelId, position);
    channels.enter(channelId, user);
    for (const stream of user.streams) stream.onGained(channelId, position);
  }

  function lose(user: State, channelId: string): void {
    if (!user.channels.delete(channelId)) return;
    channels.unfollow(channelId, user);
    for (const stream of user.streams) stream.onLost(channelId);
  }

  /** Tells of the channels that look different, because the user has blocked or unblocked one of their members. */
  async function compareBlocks(user: State): Promise<void> {
    const blockedIds = new Set(await memberships.blocked(user.userId));
    const before = user.blockedIds;
    user.blockedIds = blockedIds;
    const changed = [...blockedIds, ...before].filter((id) => blockedIds.has(id) !== before.has(id));
    if (changed.length === 0) return;
    const shared = await memberships.shared([...user.channels.keys()], changed);
    for (const { own } of user.streams) for (const channelId of shared) own.add({ type: 'resync', channelId });
  }
}

/** The users of a node's live streams, made by `createHubUsers`. */
export type HubUsers = ReturnType<typeof createHubUsers>;

/** Returns the event that a signal of a user raises; null if there is none. */
function eventOf(userId: string, signal: UserSignal): OwnEvent | null {
  switch (signal.type) {
    case 'membership':
    case 'seen':
      return { type: 'membership', channelId: signal.channelId };
    case 'match':
      return { type: 'match' };
    case 'profile':
    case 'blocks':
      return { type: 'user', userId };
    case 'sessions':
      return null;
  }
}
