import { batched } from '../batched.ts';
import { RateLimitedError } from '../errors.ts';
import { ignore } from '../ignore.ts';
import type { Database } from '../infra/database/database.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Presence } from '../infra/state/state.ts';
import type { ChannelListener, ChannelSignals } from '../live/channel-signals.ts';
import { createSignalWatch } from '../live/signal-watch.ts';
import type { Logger } from '../logger.ts';
import { selectMemberIds } from './channel-statements.ts';
import { createPresenceIndex, type MemberGroup } from './presence-index.ts';
import { createPresenceReading } from './presence-reading.ts';
import { createPresenceWatches, type PresenceListener } from './presence-watches.ts';

/** Members of a channel with a live connection, among the `maxMembers` of longest standing. */
export interface OnlineMembers {
  channelId: string;
  count: number;
  /** Returns the ids of the first of them, at most `maxListed`, longest standing first. */
  firstIds(): readonly string[];
}

/** Maximum number of members that `firstIds` returns. */
export const maxListed = 100;
/** Maximum number of members of one channel among whom those online are counted. */
const maxMembers = 1_000;

interface Room extends MemberGroup {
  channelId: string;
  /** False until the members and their presence have been read once. */
  isRead: boolean;
  /** Set if a membership may have changed since the members were read. */
  isOutdated: boolean;
  /** Time of the latest reading for a changed membership, by the monotonic clock in milliseconds. */
  refreshedAt: number;
  /** Whether somebody has asked since the latest check. */
  isAsked: boolean;
}

/** Members of a channel that were just read, in order. */
interface LoadedMembers extends OnlineMembers {
  memberIds: readonly string[];
}

/** Maximum number of members of all channels that are kept: about 30 MB. The channel that was asked for least recently goes. */
const defaultMaxKept = 100_000;
/** Maximum number of channels whose members one statement reads. */
const roomsOfStatement = 5;
/** Milliseconds between two readings of a channel's members because memberships change. */
const refreshMs = 1_000;
/** Milliseconds between two checks of all channels against the database and the state, as signals may be lost. */
const defaultCheckMs = 15_000;
/** Key of this part among the readers of the database. */
const reader = 'online-members';

/**
 * Keeps the number of online members of the channels that somebody asks for. Members are read once, and again when a
 * signal of the channel says that a membership has changed; presence when a signal names a member. A channel that nobody watches
 * or asks for between two checks is forgotten.
 * @param options.maxKept maximum number of members of all channels
 */
export function createOnlineMembers(options: {
  database: Pick<Database, 'read'>;
  presence: Pick<Presence, 'online'>;
  pubsub: PubSub;
  channels: Pick<ChannelSignals, 'follow' | 'unfollow'>;
  maxKept?: number;
  checkMs?: number;
  logger: Logger;
}) {
  const { database, presence, pubsub, channels, maxKept = defaultMaxKept, checkMs = defaultCheckMs, logger } = options;
  const rooms = new Map<string, Room>();
  const index = createPresenceIndex(maxListed);
  const load = batched(readRooms);
  const reading = createPresenceReading({ presence, index, logger });
  const watches = createPresenceWatches({ refreshMs, refresh: load, logger });
  let size = 0;
  const listener: ChannelListener = {
    onSignal({ head, entries, profileOf }) {
      const room = rooms.get(head.channelId);
      // A head alone may stand for any change.
      const mayConcernMembers = entries.length === 0 || entries.some(({ kind }) => kind !== 'TEXT');
      if (!room || !mayConcernMembers || profileOf !== undefined) return;
      room.isOutdated = true;
      watches.onOutdated(head.channelId);
    },
  };
  const watch = createSignalWatch({
    pubsub,
    topic: 'presence',
    onSignal: reading.noteChanges,
    checks: { subject: 'online members', check: checkAll, checkMs, jitter: 1 / 8, reconnectJitterMs: 250 },
    logger,
  });

  return {
    /**
     * Returns the online members of a channel, at most some seconds old. While the state is unavailable, members whose
     * presence is not known count as offline. Access is not checked.
     */
    async of(channelId: string): Promise<OnlineMembers> {
      const present = rooms.get(channelId);
      if (present) present.isAsked = true;
      if (present === undefined || mustRead(present)) return load(channelId);
      // The room that was asked for most recently is the last one.
      rooms.delete(channelId);
      rooms.set(channelId, present);
      return { channelId, count: present.onlineCount, firstIds: () => index.firstOnline(present) };
    },
    /**
     * Keeps a channel's online members until `leave` is called, and tells of each change from now on.
     * @returns ids of the first members who are online now, at most `maxListed`
     * @throws RateLimitedError if too many members are watched on this node
     */
    async watch(
      channelId: string,
      listener: PresenceListener,
    ): Promise<{ onlineIds: readonly string[]; leave(): void }> {
      const leave = watches.add(channelId, listener);
      try {
        const present = rooms.get(channelId);
        if (present?.isRead !== true) await load(channelId);
        else if (present.isOutdated) watches.onOutdated(channelId);
        if (size > maxKept) throw new RateLimitedError(tooMany, refreshMs);
        const room = rooms.get(channelId);
        return { onlineIds: room ? index.firstOnline(room) : [], leave };
      } catch (error) {
        leave();
        throw error;
      }
    },
    /** Returns the number of members that are kept, for metrics. */
    size: () => size,
    start: watch.start,
    async stop(): Promise<void> {
      watches.stop();
      reading.stop();
      await watch.stop();
    },
  };

  function mustRead({ isRead, isOutdated, refreshedAt }: Room): boolean {
    return !isRead || (isOutdated && performance.now() - refreshedAt >= refreshMs);
  }

  /** Reads the members of channels, and the presence of those members who are not known yet. */
  async function readRooms(channelIds: readonly string[]): Promise<LoadedMembers[]> {
    const read: LoadedMembers[] = [];
    for (let from = 0; from < channelIds.length; from += roomsOfStatement) {
      read.push(...(await readPart(channelIds.slice(from, from + roomsOfStatement))));
    }
    return read;
  }

  async function readPart(channelIds: readonly string[]): Promise<LoadedMembers[]> {
    const part = channelIds.map(openRoom);
    await Promise.all(part.map(followRoom));
    const rows = await database.read(reader, selectMemberIds, { channelIds, limit: maxMembers }).catch((error) => {
      for (const room of part) room.isOutdated = true;
      throw error;
    });
    for (const room of part) if (!rooms.has(room.channelId)) keepAgain(room);
    const memberIds = new Map(rows.map(({ channelId, userIds }) => [channelId, userIds]));
    const unknown = new Set(part.flatMap((room) => replaceMembers(room, memberIds.get(room.channelId) ?? [])));
    evictExcept(part);
    await reading.read([...unknown]);
    for (const room of part) room.isRead = true;
    return part.map(loadedOf);
  }

  /** Returns the members as they are now: the next part may take the place of this one. */
  function loadedOf(room: Room): LoadedMembers {
    const { channelId, memberIds, onlineCount: count } = room;
    const first = index.firstOnline(room);
    return { channelId, memberIds, count, firstIds: () => first };
  }

  /** Follows the channel, so that no change after the members are read is missed. The regular check makes up for a failure. */
  async function followRoom({ channelId }: Room): Promise<void> {
    await channels.follow(channelId, listener).catch(ignore);
  }

  /** Returns the room of a channel, which its signals outdate from now on, and moves it behind those asked for before. */
  function openRoom(channelId: string): Room {
    const room = rooms.get(channelId) ?? createRoom(channelId, watches.tell);
    if (room.isOutdated) room.refreshedAt = performance.now();
    room.isOutdated = false;
    rooms.delete(channelId);
    rooms.set(channelId, room);
    return room;
  }

  /** Keeps a room that was forgotten while it was read; signals may have passed it by. */
  function keepAgain(room: Room): void {
    room.isOutdated = true;
    rooms.set(room.channelId, room);
    void followRoom(room);
  }

  /** Returns the members whose presence is not known. */
  function replaceMembers(room: Room, memberIds: readonly string[]): string[] {
    size += memberIds.length - room.memberIds.length;
    return index.replace(room, memberIds);
  }

  /** Forgets the rooms that were asked for least recently while too many members are kept. */
  function evictExcept(part: readonly Room[]): void {
    for (const room of rooms.values()) {
      if (size <= maxKept) return;
      if (!part.includes(room) && !watches.has(room.channelId)) forget(room);
    }
  }

  function forget(room: Room): void {
    rooms.delete(room.channelId);
    channels.unfollow(room.channelId, listener);
    replaceMembers(room, []);
  }

  async function checkAll(): Promise<void> {
    for (const room of [...rooms.values()]) if (!room.isAsked && !watches.has(room.channelId)) forget(room);
    const kept = [...rooms.keys()];
    for (const room of rooms.values()) room.isAsked = false;
    for (let from = 0; from < kept.length; from += roomsOfStatement) {
      const part = await Promise.all(kept.slice(from, from + roomsOfStatement).map(load));
      await reading.read([...new Set(part.flatMap(({ memberIds }) => memberIds))]);
    }
  }
}

/** The online members of channels, made by `createOnlineMembers`. */
export type OnlineMembersOfChannels = ReturnType<typeof createOnlineMembers>;

const tooMany = 'Too many members of channels are followed at the moment: try again later.';

function createRoom(channelId: string, tell: (channelId: string, userId: string, isOnline: boolean) => void): Room {
  const onChange = (userId: string, isOnline: boolean) => tell(channelId, userId, isOnline);
  const members = { memberIds: [], onlineCount: 0, firstOnline: null, onChange };
  const never = Number.NEGATIVE_INFINITY;
  return { ...members, channelId, isRead: false, isOutdated: false, refreshedAt: never, isAsked: true };
}
