import { setTimeout as delay } from 'node:timers/promises';
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
  /** Seqs of the first entries that the user can read, for channels with hidden ones. */
  readonly starts: Map<string, number>;
  /** Rooms that ask the user, who may not read them yet. */
  readonly invitations: Set<string>;
}

/** A user, with the state of the look-ups. */
export interface UserState extends HubUser {
  /** Number of streams, also of those that open. */
  references: number;
  blockedIds: ReadonlySet<string>;
  /** The last of the reloads, which run one after another. */
  reloads: Promise<void>;
  /** Whether the last of them has not begun. */
  isReloadQueued: boolean;
  /** The last of the comparisons of blocks, which run one after another. */
  comparisons: Promise<void>;
}

/** Milliseconds until a look-up that failed is tried again. */
const defaultRetryMs = 1_000;

/**
 * Creates the look-ups of changes that concern users alone, and tells their streams of the differences.
 * @param options.onError called with the error of a look-up that is tried again
 */
export function createUserChanges(options: {
  channels: Pick<HubChannels, 'follow' | 'unfollow' | 'enter' | 'observe'>;
  memberships: MembershipSource;
  onError(error: unknown): void;
  retryMs?: number;
}) {
  const { channels, memberships, onError, retryMs = defaultRetryMs } = options;

  return { reload, lose, compareBlocks, persist };

  /** Reads the user's channels by a query that starts after this call, and takes them over. */
  function reload(user: UserState): Promise<void> {
    if (user.isReloadQueued) return user.reloads;
    user.isReloadQueued = true;
    const run = async () => {
      user.isReloadQueued = false;
      if (user.references > 0) await replaceChannels(user, await memberships.read(user.userId));
    };
    user.reloads = user.reloads.then(run, run);
    return user.reloads;
  }

  async function replaceChannels(user: UserState, found: Memberships): Promise<void> {
    const isReadable = (channelId: string) => typeof found.get(channelId)?.position === 'number';
    for (const channelId of [...user.channels.keys()]) if (!isReadable(channelId)) lose(user, channelId);
    for (const channelId of [...user.invitations]) if (!found.has(channelId)) loseInvitation(user, channelId);
    await Promise.all(
      [...found].map(([channelId, { position, readableFrom }]) =>
        position === null ? takeInvitation(user, channelId) : take(user, channelId, { position, readableFrom }),
      ),
    );
  }

  async function takeInvitation(user: UserState, channelId: string): Promise<void> {
    if (user.invitations.has(channelId)) return;
    await channels.follow(channelId);
    if (user.references === 0) {
      channels.unfollow(channelId);
      return;
    }
    user.invitations.add(channelId);
    channels.observe(channelId, user);
    tell(user, { type: 'membership', channelId });
    tell(user, { type: 'channel', channelId });
  }

  /** Takes an invitation from the user, who has declined it. */
  function loseInvitation(user: UserState, channelId: string): void {
    dropInvitation(user, channelId);
    tell(user, { type: 'membership', channelId });
  }

  function dropInvitation(user: UserState, channelId: string): void {
    if (user.invitations.delete(channelId)) channels.unfollow(channelId, user);
  }

  function tell({ streams }: UserState, event: OwnEvent): void {
    for (const { own } of streams) own.add(event);
  }

  async function take(
    user: UserState,
    channelId: string,
    { position, readableFrom }: { position: number; readableFrom: number },
  ): Promise<void> {
    if (!user.channels.has(channelId)) await channels.follow(channelId);
    else {
      user.channels.set(channelId, position);
      moveStart(user, channelId, readableFrom);
      return;
    }
    if (user.references === 0) {
      channels.unfollow(channelId);
      return;
    }
    dropInvitation(user, channelId);
    user.channels.set(channelId, position);
    setStart(user, channelId, readableFrom);
    channels.enter(channelId, user);
    for (const stream of user.streams) stream.onGained(channelId, position);
  }

  /** Another role may hide entries from the user, or show them. */
  function moveStart(user: UserState, channelId: string, readableFrom: number): void {
    if ((user.starts.get(channelId) ?? 0) === readableFrom) return;
    setStart(user, channelId, readableFrom);
    tell(user, { type: 'resync', channelId });
  }

  function setStart({ starts }: UserState, channelId: string, readableFrom: number): void {
    if (readableFrom > 0) starts.set(channelId, readableFrom);
    else starts.delete(channelId);
  }

  /** Takes a channel from the user, who is no longer a member. */
  function lose(user: UserState, channelId: string): void {
    if (!user.channels.delete(channelId)) return;
    user.starts.delete(channelId);
    channels.unfollow(channelId, user);
    for (const stream of user.streams) stream.onLost(channelId);
  }

  /** Tells of the channels that look different, because the user has blocked or unblocked one of their members. */
  function compareBlocks(user: UserState): Promise<void> {
    const run = () => replaceBlocks(user);
    user.comparisons = user.comparisons.then(run, run);
    return user.comparisons;
  }

  async function replaceBlocks(user: UserState): Promise<void> {
    const blockedIds = new Set(await memberships.blocked(user.userId));
    const before = user.blockedIds;
    const changed = [...blockedIds, ...before].filter((id) => blockedIds.has(id) !== before.has(id));
    const shared = changed.length === 0 ? [] : await memberships.shared([...user.channels.keys()], changed);
    user.blockedIds = blockedIds;
    for (const { own } of user.streams) for (const channelId of shared) own.add({ type: 'resync', channelId });
  }

  /**
   * Repeats a look-up until it succeeds, or the user has no streams. The cursors of the streams are frozen meanwhile: nothing would
   * tell a client that resumed after the change.
   * @param done called then, before cursors move
   */
  async function persist(user: UserState, lookUp: (user: UserState) => Promise<void>, done: () => void): Promise<void> {
    const cursors = [...user.streams].map(({ cursor }) => cursor);
    for (const cursor of cursors) cursor.freeze();
    while (user.references > 0 && !(await hasSucceeded(lookUp(user)))) await delay(retryMs, null, { ref: false });
    done();
    for (const cursor of cursors) cursor.thaw();
  }

  function hasSucceeded(lookUp: Promise<void>): Promise<boolean> {
    return lookUp.then(
      () => true,
      (error: unknown) => {
        onError(error);
        return false;
      },
    );
  }
}
