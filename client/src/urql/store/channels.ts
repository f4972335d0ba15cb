import { createValue, type Readable } from '../value.ts';
import {
  type ChannelRecord,
  isStaleAfter,
  recordOf,
  withMembership,
  withMessage,
  withSeen,
  withUser,
} from './channel-record.ts';
import type { ChangedUser, Channel, Membership, Message } from './types.ts';

/** The viewer's channels and invitations: pinned ones first, then by their latest activity. */
export interface Channels extends Readable<readonly Channel[]> {
  find(channelId: string): Channel | undefined;
}

/** The store of the viewer's channels, for the stream of updates and for results of mutations. */
export interface ChannelStore extends Channels {
  /** Adds or updates a channel that was loaded; removes it if the viewer is not a member. */
  put(channel: Channel): void;
  /** Replaces all channels by those that were loaded. Numbers of later messages stay counted. */
  replace(channels: readonly Channel[]): void;
  /** Returns false if the channel is not known, so that it must be loaded. */
  putMembership(channelId: string, membership: Membership): boolean;
  /** Returns false if the channel must be loaded: it is not known, or its counts are not known any longer. */
  putMessage(message: Message): boolean;
  putUser(user: ChangedUser): void;
  /** Moves the seen mark forward at once. */
  markSeen(channelId: string, seq: number): void;
  remove(channelId: string): void;
  /** All records, to be stored, and restored by `restore`. */
  records(): readonly ChannelRecord[];
  restore(records: readonly ChannelRecord[]): void;
}

/** Creates the store of a user's channels, which is empty at first. */
export function createChannelStore(viewerId: string): ChannelStore {
  const records = new Map<string, ChannelRecord>();
  const list = createValue<readonly Channel[]>([]);

  return {
    get: list.get,
    subscribe: list.subscribe,
    find: (id) => records.get(id)?.channel,
    put(channel) {
      if (channel.viewerMembership === null) records.delete(channel.id);
      else records.set(channel.id, recordOf(channel, records.get(channel.id)));
      publish();
    },
    replace(channels) {
      const present = channels.map((channel) => recordOf(channel, records.get(channel.id)));
      fill(present);
    },
    putMembership: (channelId, membership) => update(channelId, (record) => withMembership(record, membership)),
    putMessage(message) {
      const known = records.get(message.channel.id);
      const isStale = known !== undefined && isStaleAfter(known, message, viewerId);
      return update(message.channel.id, (record) => withMessage(record, message, viewerId)) && !isStale;
    },
    putUser(user) {
      for (const [id, record] of records) records.set(id, withUser(record, user));
      publish();
    },
    markSeen: (channelId, seq) => void update(channelId, (record) => withSeen(record, seq)),
    remove(channelId) {
      if (records.delete(channelId)) publish();
    },
    records: () => [...records.values()],
    restore: fill,
  };

  function update(channelId: string, change: (record: ChannelRecord) => ChannelRecord): boolean {
    const record = records.get(channelId);
    if (record === undefined) return false;
    records.set(channelId, change(record));
    publish();
    return true;
  }

  function fill(present: readonly ChannelRecord[]): void {
    records.clear();
    for (const record of present) records.set(record.channel.id, record);
    publish();
  }

  function publish(): void {
    list.set([...records.values()].map(({ channel }) => channel).sort(byPlace));
  }
}

/** Returns the time of a channel's newest message, or of its creation, in ISO 8601. */
export function lastActivityAt({ lastMessage, createdAt }: Channel): string {
  return lastMessage?.sentAt ?? createdAt;
}

function byPlace(a: Channel, b: Channel): number {
  const pinned = Number(b.viewerMembership?.pinned ?? false) - Number(a.viewerMembership?.pinned ?? false);
  return pinned || lastActivityAt(b).localeCompare(lastActivityAt(a));
}
