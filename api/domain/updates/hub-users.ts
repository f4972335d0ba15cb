import type { ChannelSignal, UserSignal } from '../../events.ts';
import { ignore } from '../../ignore.ts';
import type { UserListener, UserSignals } from '../../live/user-signals.ts';
import { judgeLiveEntry } from '../access.ts';
import type { BlockList, Blocks } from '../blocks.ts';
import type { HubChannels } from './hub-channels.ts';
import type { MembershipSource } from './memberships.ts';
import type { OwnEvent } from './own-events.ts';
import { createUserChanges, type HubUser, type UserState, type UserStream } from './user-changes.ts';

interface State extends UserState {
  blockList: BlockList | null;
  /** Resolves once signals arrive. */
  opening: Promise<void>;
}

/**
 * The users whose streams follow all of their channels: it knows the channels of each, and tells the streams of changes that concern
 * the user alone.
 * @param options.mayMiss whether signals may be missing at the moment
 * @param options.onError called with the error of a look-up that is tried again
 * @param options.retryMs see `createUserChanges`
 */
export function createHubUsers(options: {
  signals: Pick<UserSignals, 'follow' | 'unfollow'>;
  channels: HubChannels;
  memberships: MembershipSource;
  blocks: Pick<Blocks, 'acquire'>;
  mayMiss(): boolean;
  onError(error: unknown): void;
  retryMs?: number;
}) {
  const { signals, channels, memberships, blocks, mayMiss } = options;
  const changes = createUserChanges(options);
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
        await changes.reload(user);
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
      changes.lose(user as State, channelId);
      // The user may have joined again.
      void changes.persist(user as State, changes.reload, ignore);
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
      starts: new Map(),
      invitations: new Set(),
      references: 0,
      blockList: null,
      blockedIds: new Set(),
      opening: Promise.resolve(),
      reloads: Promise.resolve(),
      isReloadQueued: false,
      comparisons: Promise.resolve(),
      onRemovedChannel: (channelId) =>
        void changes.persist(user, changes.reload, () => tell(user, { type: 'membership', channelId })),
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
    for (const channelId of [...user.channels.keys(), ...user.invitations]) channels.unfollow(channelId, user);
    user.channels.clear();
    user.starts.clear();
    user.invitations.clear();
  }

  function readerOf(user: State, channelId: string, position: number) {
    const head = user.channels.get(channelId) ?? position;
    const readableFrom = () => user.starts.get(channelId) ?? 0;
    const hasBlocked = (userId: string) => user.blockList?.has(userId) ?? false;
    const reader = { userId: user.userId, head, readableFrom, hasBlocked };
    return {
      position,
      readableFrom,
      judge: (entry: Parameters<typeof judgeLiveEntry>[0]) => judgeLiveEntry(entry, reader),
    };
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
    // Changes that the reload finds are told together with the event.
    if (signal.type === 'membership') void changes.persist(user, changes.reload, () => tell(user, event));
    else tell(user, event);
    if (signal.type === 'blocks') void changes.persist(user, changes.compareBlocks, ignore);
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
        await changes.reload(user);
        if (!mayHaveMissed) return;
        await changes.compareBlocks(user);
        await Promise.all([...user.streams].map((stream) => stream.heal()));
      }),
    );
  }
}

/** The users of a node's live streams, made by `createHubUsers`. */
export type HubUsers = ReturnType<typeof createHubUsers>;

/** Returns the event that a signal of a user raises; null if there is none. */
function eventOf(userId: string, signal: UserSignal): OwnEvent | null {
  switch (signal.type) {
    case 'membership':
    case 'seen':
    case 'preferences':
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
