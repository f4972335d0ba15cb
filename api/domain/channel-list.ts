import { type Head, seenTopic } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';
import type { PubSub, Unsubscribe } from '../infra/pubsub/pubsub.ts';
import type { Heads } from '../live/heads.ts';
import { createStream } from '../live/stream.ts';
import type { Logger } from '../logger.ts';
import type { Viewer } from './auth.ts';

/** One who follows the list: what changed and was not told yet, and when each channel was told last. */
interface Follower {
  dirty: Set<string>;
  told: Map<string, number>;
  wake(): void;
}

/** A user who is followed here: the channels that the user is a member of, each with its version. */
interface Followed {
  followers: Set<Follower>;
  versions: Map<string, number>;
  /** To the user's seen marks. */
  subscription: Promise<Unsubscribe>;
}

/** How often one channel is told to one follower at most, in milliseconds. */
const coalesceMs = 1_000;
/** How often the versions are looked up behind the signals, in milliseconds. */
const lookupMs = 15_000;

/**
 * The viewers' lists of channels, kept live from the heads that bridges publish: an index of who here is a member of
 * what, so that a change costs no query and no signal for each member.
 */
export function createChannelList(options: {
  database: Pick<Database, 'query'>;
  pubsub: PubSub;
  heads: Heads;
  logger: Logger;
}) {
  const { database, pubsub, heads, logger } = options;
  const users = new Map<string, Followed>();
  const memberIds = new Map<string, Set<string>>();
  let lookedUpAt = 0;

  function onHeads(published: readonly Head[]): void {
    const moved = new Set<string>();
    for (const { channelId, version, userIds } of published) {
      for (const userId of memberIds.get(channelId) ?? []) {
        users.get(userId)?.versions.set(channelId, version);
        touch(userId, channelId);
      }
      for (const userId of userIds) {
        if (users.has(userId)) moved.add(userId);
        touch(userId, channelId);
      }
    }
    if (moved.size > 0) void lookUp([...moved]);
  }

  function touch(userId: string, channelId: string): void {
    for (const follower of users.get(userId)?.followers ?? []) {
      follower.dirty.add(channelId);
      follower.wake();
    }
  }

  async function check(): Promise<void> {
    if (users.size === 0 || Date.now() - lookedUpAt < lookupMs) return;
    await lookUp([...users.keys()]);
    lookedUpAt = Date.now();
  }

  /** Reads who is a member of what, and touches what differs from what is known. */
  async function lookUp(userIds: readonly string[]): Promise<void> {
    try {
      const found = await readVersions(database, userIds);
      for (const userId of userIds) takeIn(userId, found.get(userId) ?? new Map());
    } catch (error) {
      logger.warn({ error }, 'lists of channels could not be looked up; the next round tries again');
    }
  }

  function takeIn(userId: string, versions: Map<string, number>): void {
    const followed = users.get(userId);
    if (followed === undefined) return;
    const before = followed.versions;
    followed.versions = versions;
    for (const [channelId, version] of versions) {
      index(channelId, userId);
      if ((before.get(channelId) ?? -1) < version) touch(userId, channelId);
    }
    for (const channelId of before.keys()) {
      if (versions.has(channelId)) continue;
      unindex(channelId, userId);
      touch(userId, channelId);
    }
  }

  function index(channelId: string, userId: string): void {
    const ids = memberIds.get(channelId);
    if (ids) ids.add(userId);
    else memberIds.set(channelId, new Set([userId]));
  }

  function unindex(channelId: string, userId: string): void {
    const ids = memberIds.get(channelId);
    ids?.delete(userId);
    if (ids?.size === 0) memberIds.delete(channelId);
  }

  function join(userId: string, follower: Follower): Promise<unknown> {
    const followed = users.get(userId) ?? {
      followers: new Set(),
      versions: new Map(),
      subscription: pubsub.subscribe(seenTopic(userId), (channelId) => touch(userId, channelId)),
    };
    followed.followers.add(follower);
    users.set(userId, followed);
    return followed.subscription;
  }

  function leave(userId: string, follower: Follower): void {
    const followed = users.get(userId);
    followed?.followers.delete(follower);
    if (followed === undefined || followed.followers.size > 0) return;
    users.delete(userId);
    for (const channelId of followed.versions.keys()) unindex(channelId, userId);
    followed.subscription
      .then((unsubscribe) => unsubscribe())
      .catch((error: unknown) => logger.debug({ error }, 'seen marks were not followed'));
  }

  let unlisten: (() => void) | undefined;

  return {
    /** The ids of the viewer's channels as they change, live when this resolves. */
    async follow({ userId }: Viewer): Promise<AsyncIterableIterator<string>> {
      const follower: Follower = { dirty: new Set(), told: new Map(), wake: () => {} };
      try {
        await join(userId, follower);
      } catch (error) {
        leave(userId, follower);
        throw error;
      }
      await lookUp([userId]);
      follower.dirty.clear();
      return createStream(
        (signal) => tell(follower, signal),
        () => leave(userId, follower),
      );
    },

    /** How many users are followed, for metrics and tests. */
    size: () => users.size,
    start(): void {
      unlisten = heads.listen({ heads: onHeads, check });
    },
    stop(): void {
      unlisten?.();
    },
  };
}

export type ChannelList = ReturnType<typeof createChannelList>;

async function* tell(follower: Follower, signal: AbortSignal) {
  signal.addEventListener('abort', () => follower.wake(), { once: true });
  while (!signal.aborted) {
    const due = [...follower.dirty].find((channelId) => dueIn(follower, channelId) <= 0);
    if (due === undefined) await pause(follower);
    else {
      follower.dirty.delete(due);
      follower.told.set(due, Date.now());
      yield due;
    }
  }
}

function dueIn({ told }: Follower, channelId: string): number {
  return (told.get(channelId) ?? 0) + coalesceMs - Date.now();
}

/** Until something is touched, or what was touched is due. */
async function pause(follower: Follower): Promise<void> {
  for (const [channelId] of follower.told) if (dueIn(follower, channelId) <= 0) follower.told.delete(channelId);
  const soonest = Math.min(...[...follower.dirty].map((channelId) => dueIn(follower, channelId)));
  await new Promise<void>((resolve) => {
    const timer = Number.isFinite(soonest) ? setTimeout(resolve, soonest) : undefined;
    follower.wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

async function readVersions(
  { query }: Pick<Database, 'query'>,
  userIds: readonly string[],
): Promise<Map<string, Map<string, number>>> {
  const rows = await query(selectVersions, { userIds });
  const found = new Map<string, Map<string, number>>();
  for (const { userId, channelId, version } of rows) {
    const versions = found.get(userId) ?? new Map<string, number>();
    found.set(userId, versions.set(channelId, version));
  }
  return found;
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
