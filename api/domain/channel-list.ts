import { batched } from '../batched.ts';
import type { UserSignal } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, bool, uuid } from '../infra/database/types.ts';
import type { ChannelListener, ChannelSignals } from '../live/channel-signals.ts';
import { generateStream, type Stream } from '../live/stream.ts';
import type { UserListener, UserSignals } from '../live/user-signals.ts';
import type { Logger } from '../logger.ts';
import { createPacer, type Pacer } from '../pacer.ts';
import type { Viewer } from './auth.ts';
import { createListRounds, type Follower, type ListEvent } from './list-rounds.ts';

/** A user whose list of channels is followed on this node. */
interface FollowedUser {
  /** One for each subscription of the user that is live. */
  followers: Set<Follower>;
  /** Number of subscriptions, also of those that are not live yet. */
  references: number;
  /** Channels that the user is a member of or invited to, most recent activity first when they were read. */
  channelIds: readonly string[];
  /** Rooms among them that ask the user, who is not told of their messages. */
  invitations: ReadonlySet<string>;
  /** Resolves once the signals of the user are followed. */
  opening: Promise<void>;
}

/** Channels of a user with their versions, most recent activity first. */
type Versions = ReadonlyMap<string, { version: number; isInvitation: boolean }>;

/** Milliseconds between the rounds that tell of changes in the same channel. */
const roundsMs = 1_000;
/** Milliseconds of each turn of the event loop that rounds may take. */
const turnMs = 1;
/** Milliseconds until memberships are read again after that failed. */
const retryMs = 1_000;
/** Key of lists among the readers of the database. */
const reader = 'channel-lists';
/** Maximum number of users whose memberships one statement reads. */
const usersOfStatement = 100;

/**
 * Follows the channel lists of users: their memberships by the signals of the user, and each channel by its own. A change in a
 * channel costs no query, and no signal for each member. All of them learn of it in one round.
 * @param options.pacer gives turns to the executions of rounds
 */
export function createChannelList(options: {
  database: Pick<Database, 'read'>;
  channels: Pick<ChannelSignals, 'follow' | 'unfollow'>;
  userSignals: Pick<UserSignals, 'follow' | 'unfollow'>;
  pacer?: Pacer;
  logger: Logger;
}) {
  const { database, channels, userSignals, pacer = createPacer({ sliceMs: turnMs }), logger } = options;
  const rounds = createListRounds({ windowMs: roundsMs, pacer });
  const users = new Map<string, FollowedUser>();
  const memberIds = new Map<string, Set<string>>();
  const readVersions = batched(versionsReader(database));
  /** Users whose memberships could not be read. */
  const failed = new Set<string>();
  let retryTimer: NodeJS.Timeout | undefined;
  const ofChannels: ChannelListener = {
    onSignal({ head, profileOf }) {
      if (profileOf !== undefined) return;
      for (const userId of memberIds.get(head.channelId) ?? [])
        if (head.changed || !users.get(userId)?.invitations.has(head.channelId)) notify(userId, head.channelId);
    },
  };
  const ofUsers: UserListener = { onSignal: onUserSignal, verify: reload };

  return {
    /**
     * Follows the viewer's list. Resolves to a stream of the viewer's channels and then of those that change, live when this
     * resolves.
     */
    async follow({ userId }: Viewer): Promise<Stream<ListEvent>> {
      const follower = rounds.createFollower();
      const user = join(userId);
      try {
        await user.opening;
      } catch (error) {
        leave(userId, follower);
        throw error;
      }
      await reloadSafely([userId]);
      user.followers.add(follower);
      rounds.addPresent(follower, user.channelIds);
      return generateStream(follower.events, () => leave(userId, follower));
    },

    /** Returns the number of followed users, for metrics and tests. */
    size: () => users.size,
    /** Returns the number of updates that wait for the next round of their channel, for metrics. */
    waiting: rounds.size,
    stop(): void {
      clearTimeout(retryTimer);
      rounds.stop();
    },
  };

  function onUserSignal(userId: string, signal: UserSignal): void {
    if (signal.type === 'seen' || signal.type === 'preferences') notify(userId, signal.channelId);
    if (signal.type !== 'membership') return;
    notify(userId, signal.channelId);
    void reloadSafely([userId]);
  }

  function notify(userId: string, channelId: string): void {
    for (const follower of users.get(userId)?.followers ?? []) rounds.add(follower, channelId);
  }

  async function reloadSafely(userIds: readonly string[]): Promise<void> {
    await reload(userIds).catch((error: unknown) => {
      logger.warn({ error }, 'lists of channels could not be loaded yet');
      for (const userId of userIds) failed.add(userId);
      clearTimeout(retryTimer);
      retryTimer = setTimeout(() => void reloadFailed(), retryMs);
    });
  }

  async function reloadFailed(): Promise<void> {
    const userIds = [...failed].filter((userId) => users.has(userId));
    failed.clear();
    await reloadSafely(userIds);
  }

  /** Reads memberships, one query after another, so that an older state never replaces a newer one. */
  async function reload(userIds: readonly string[]): Promise<void> {
    await Promise.all(userIds.map(async (userId) => replaceChannels(userId, await readVersions(userId))));
  }

  /**
   * Takes over the memberships of the database, and notifies of each channel where they differ. Resolves once the channels are
   * followed.
   */
  async function replaceChannels(userId: string, versions: Versions): Promise<void> {
    const user = users.get(userId);
    if (user === undefined) return;
    const before = new Set(user.channelIds);
    user.channelIds = [...versions.keys()];
    user.invitations = new Set(user.channelIds.filter((id) => versions.get(id)?.isInvitation));
    for (const channelId of before) {
      if (versions.has(channelId)) continue;
      removeMember(channelId, userId);
      notify(userId, channelId);
    }
    await Promise.all(
      [...versions].map(async ([channelId, { version }]) => {
        if (before.has(channelId)) return;
        notify(userId, channelId);
        const known = await addMember(channelId, userId);
        // It changed after the memberships were read, and before it was followed.
        if (known > version) notify(userId, channelId);
      }),
    );
  }

  /** Returns the version from which on the channel's changes are followed. */
  async function addMember(channelId: string, userId: string): Promise<number> {
    const ids = memberIds.get(channelId);
    if (ids) ids.add(userId);
    else memberIds.set(channelId, new Set([userId]));
    try {
      return (await channels.follow(channelId, ofChannels)).version;
    } catch (error) {
      removeMember(channelId, userId);
      const user = users.get(userId);
      if (user) user.channelIds = user.channelIds.filter((id) => id !== channelId);
      throw error;
    }
  }

  function removeMember(channelId: string, userId: string): void {
    const ids = memberIds.get(channelId);
    if (!ids?.delete(userId) || ids.size > 0) return;
    memberIds.delete(channelId);
    channels.unfollow(channelId, ofChannels);
  }

  function join(userId: string): FollowedUser {
    const user = users.get(userId) ?? open(userId);
    user.references++;
    return user;
  }

  function open(userId: string): FollowedUser {
    const opening = userSignals.follow(userId, ofUsers);
    const user: FollowedUser = { followers: new Set(), references: 0, channelIds: [], invitations: new Set(), opening };
    users.set(userId, user);
    return user;
  }

  function leave(userId: string, follower: Follower): void {
    rounds.remove(follower);
    const user = users.get(userId);
    if (user === undefined) return;
    user.followers.delete(follower);
    user.references--;
    if (user.references > 0) return;
    users.delete(userId);
    for (const channelId of user.channelIds) removeMember(channelId, userId);
    userSignals.unfollow(userId, ofUsers);
  }
}

/** The channel lists of a node, made by `createChannelList`. */
export type ChannelList = ReturnType<typeof createChannelList>;

/** Reads by one statement after another, as other statements wait for each of them where there is one connection. */
function versionsReader({ read }: Pick<Database, 'read'>) {
  return async (userIds: readonly string[]): Promise<Versions[]> => {
    const found = new Map<string, Map<string, { version: number; isInvitation: boolean }>>();
    for (let from = 0; from < userIds.length; from += usersOfStatement) {
      const rows = await read(reader, selectVersions, { userIds: userIds.slice(from, from + usersOfStatement) });
      for (const { userId, channelId, version, isInvitation } of rows) {
        const versions = found.get(userId) ?? new Map();
        found.set(userId, versions.set(channelId, { version, isInvitation }));
      }
    }
    return userIds.map((userId) => found.get(userId) ?? new Map());
  };
}

const membership = columns(tables.member, 'm', ['userId', 'channelId']);
const version = columns(tables.channel, 'c', ['version']);

const selectVersions = statement({
  sql: `
    SELECT ${membership.list}, ${version.list}, m.state = 'INVITED' AND c.kind = 'ROOM' AS "isInvitation"
    FROM member m JOIN channel c ON c.id = m.channel_id
    WHERE m.user_id = ANY($userIds) AND m.state IN ('ACTIVE', 'INVITED') ORDER BY c.last_activity_at DESC`,
  parameters: { userIds: arrayOf(uuid) },
  row: { ...membership.row, ...version.row, isInvitation: bool },
});
