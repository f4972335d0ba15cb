import { batched } from '../batched.ts';
import { type ChangedHead, seenTopic } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';
import type { PubSub, Unsubscribe } from '../infra/pubsub/pubsub.ts';
import { createCheckLoop } from '../live/check-loop.ts';
import type { Heads } from '../live/heads.ts';
import { generateStream, type Stream } from '../live/stream.ts';
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
  /** Version of each channel that the user is a member of. */
  versions: Versions;
  /** Subscription to the seen marks of the user's other devices. */
  subscription: Promise<Unsubscribe>;
}

/** Channel versions by channel id. */
type Versions = Map<string, number>;

/** Milliseconds between the rounds that tell of changes in the same channel. */
const roundsMs = 1_000;
/** Milliseconds of each turn of the event loop that rounds may take. */
const turnMs = 1;
/** Key of lists among the readers of the database. */
const reader = 'channel-lists';
/** Maximum number of users whose versions one statement reads. */
const usersOfStatement = 100;
/** How versions are checked against the database, in case a head was lost. Nodes spread their checks. */
const checkOptions = { subject: 'lists of channels', checkMs: 15_000, jitter: 1 / 8, reconnectJitterMs: 250 };

/**
 * Follows the channel lists of users by the heads that bridges publish. It knows which followed users are members of which
 * channels, so that a change in a channel costs no query, and no signal for each member. All of them learn of it in one round.
 * @param options.pacer gives turns to the executions of rounds
 */
export function createChannelList(options: {
  database: Pick<Database, 'read'>;
  pubsub: PubSub;
  heads: Heads;
  pacer?: Pacer;
  logger: Logger;
}) {
  const { database, pubsub, heads, pacer = createPacer({ sliceMs: turnMs }), logger } = options;
  const rounds = createListRounds({ windowMs: roundsMs, pacer });
  const users = new Map<string, FollowedUser>();
  const memberIds = new Map<string, Set<string>>();
  const readVersions = batched(versionsReader(database));
  const checks = createCheckLoop({ ...checkOptions, check: () => reload([...users.keys()]), pubsub, logger });
  let removeListener: (() => void) | undefined;

  return {
    /** Follows the viewer's list. Resolves to a stream of changed channels, live when this resolves. */
    async follow({ userId }: Viewer): Promise<Stream<ListEvent>> {
      const follower = rounds.createFollower();
      const user = join(userId);
      try {
        await user.subscription;
      } catch (error) {
        leave(userId, follower);
        throw error;
      }
      await reloadSafely([userId]);
      user.followers.add(follower);
      return generateStream(follower.events, () => leave(userId, follower));
    },

    /** Returns the number of followed users, for metrics and tests. */
    size: () => users.size,
    /** Returns the number of updates that wait for the next round of their channel, for metrics. */
    waiting: rounds.size,
    start(): void {
      removeListener = heads.listen({ heads: onHeads });
      checks.start();
    },
    async stop(): Promise<void> {
      await checks.stop();
      removeListener?.();
      rounds.stop();
    },
  };

  function onHeads(published: readonly ChangedHead[]): void {
    const moved = new Set<string>();
    for (const { channelId, version, userIds } of published) {
      for (const userId of memberIds.get(channelId) ?? []) {
        users.get(userId)?.versions.set(channelId, version);
        notify(userId, channelId);
      }
      for (const userId of userIds) {
        if (users.has(userId)) moved.add(userId);
        notify(userId, channelId);
      }
    }
    if (moved.size > 0) void reloadSafely([...moved]);
  }

  function notify(userId: string, channelId: string): void {
    for (const follower of users.get(userId)?.followers ?? []) rounds.add(follower, channelId);
  }

  async function reloadSafely(userIds: readonly string[]): Promise<void> {
    await reload(userIds).catch((error: unknown) => {
      logger.warn({ error }, 'lists of channels could not be loaded; the next check tries again');
    });
  }

  /** Reads memberships and versions, one query after another, so that an older state never replaces a newer one. */
  async function reload(userIds: readonly string[]): Promise<void> {
    await Promise.all(userIds.map(async (userId) => replaceVersions(userId, await readVersions(userId))));
  }

  /** Takes over the state of the database, and notifies of each channel where it differs. */
  function replaceVersions(userId: string, versions: Versions): void {
    const user = users.get(userId);
    if (user === undefined) return;
    const before = user.versions;
    user.versions = versions;
    for (const [channelId, version] of versions) {
      addMember(channelId, userId);
      if ((before.get(channelId) ?? -1) < version) notify(userId, channelId);
    }
    for (const channelId of before.keys()) {
      if (versions.has(channelId)) continue;
      removeMember(channelId, userId);
      notify(userId, channelId);
    }
  }

  function addMember(channelId: string, userId: string): void {
    const ids = memberIds.get(channelId);
    if (ids) ids.add(userId);
    else memberIds.set(channelId, new Set([userId]));
  }

  function removeMember(channelId: string, userId: string): void {
    const ids = memberIds.get(channelId);
    ids?.delete(userId);
    if (ids?.size === 0) memberIds.delete(channelId);
  }

  function join(userId: string): FollowedUser {
    const user = users.get(userId) ?? {
      followers: new Set(),
      references: 0,
      versions: new Map(),
      subscription: pubsub.subscribe(seenTopic(userId), (channelId) => notify(userId, channelId)),
    };
    user.references++;
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
    for (const channelId of user.versions.keys()) removeMember(channelId, userId);
    user.subscription
      .then((unsubscribe) => unsubscribe())
      .catch((error: unknown) => logger.debug({ error }, 'a subscription to seen marks did not end cleanly'));
  }
}

/** The channel lists of a node, made by `createChannelList`. */
export type ChannelList = ReturnType<typeof createChannelList>;

/** Reads by one statement after another, as other statements wait for each of them where there is one connection. */
function versionsReader({ read }: Pick<Database, 'read'>) {
  return async (userIds: readonly string[]): Promise<Versions[]> => {
    const found = new Map<string, Versions>();
    for (let from = 0; from < userIds.length; from += usersOfStatement) {
      const rows = await read(reader, selectVersions, { userIds: userIds.slice(from, from + usersOfStatement) });
      for (const { userId, channelId, version } of rows) {
        const versions: Versions = found.get(userId) ?? new Map();
        found.set(userId, versions.set(channelId, version));
      }
    }
    return userIds.map((userId) => found.get(userId) ?? new Map());
  };
}

const membership = columns(tables.member, 'm', ['userId', 'channelId']);
const version = columns(tables.channel, 'c', ['version']);

const selectVersions = statement({
  sql: `
    SELECT ${membership.list}, ${version.list} FROM member m JOIN channel c ON c.id = m.channel_id
    WHERE m.user_id = ANY($userIds) AND m.state = 'ACTIVE'`,
  parameters: { userIds: arrayOf(uuid) },
  row: { ...membership.row, ...version.row },
});
