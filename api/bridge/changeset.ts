import type { ChannelEvent, Entry, Head, LogPlace, Outcome } from '../events.ts';

/** Changes of one transaction of the bridge: collected while it runs, published after its commit. */
export interface Changeset {
  outcomes: { event: ChannelEvent; outcome: Outcome }[];
  /** New states of entries by channel, in order of position. */
  entries: Map<string, Entry[]>;
  /** Heads of the channels that changed, by channel. */
  heads: Map<string, Head>;
  /** Ids of users whose membership changed, by channel. */
  memberships: Map<string, Set<string>>;
  /** Users whose match began or ended, with the partition of the event. */
  matchUsers: Map<string, number>;
  /** Changes of numbers of replies, by the message that they reply to: written at the end of the transaction. */
  replies: Map<string, { channelId: string; change: number }>;
}

/** Head of a channel as a statement returns it. */
export interface ChannelHead {
  id: string;
  position: number;
  seq: number;
  version: number;
  /** See `Head`. */
  trimmedSeq?: number;
}

/** Returns an empty changeset. */
export function createChangeset(): Changeset {
  return {
    outcomes: [],
    entries: new Map(),
    heads: new Map(),
    memberships: new Map(),
    matchUsers: new Map(),
    replies: new Map(),
  };
}

/** Adds the new state of an entry, whose position is above those added before. */
export function addEntry({ entries }: Changeset, entry: Entry): void {
  const list = entries.get(entry.channelId);
  if (list) list.push(entry);
  else entries.set(entry.channelId, [entry]);
}

/**
 * Adds the new head of a channel.
 * @param place of the event that changed it
 * @param changed whether it changed the channel's own properties
 */
export function addHead(
  { heads }: Changeset,
  { id, position, seq, version, trimmedSeq }: ChannelHead,
  { partition, offset }: LogPlace,
  changed = false,
): void {
  const before = heads.get(id);
  const hasChanged = changed || before?.changed === true;
  const head: Head = { channelId: id, position, seq, version, partition, offset, changed: hasChanged, through: -1 };
  const trimmed = trimmedSeq ?? before?.trimmedSeq;
  if (trimmed !== undefined) head.trimmedSeq = trimmed;
  heads.set(id, head);
}

/** Counts a message that was sent or deleted among the replies to another; one that is no reply counts nowhere. */
export function addReply({ replies }: Changeset, { replyToId, channelId }: Entry, change: 1 | -1): void {
  if (replyToId === null) return;
  const before = replies.get(replyToId)?.change ?? 0;
  replies.set(replyToId, { channelId, change: before + change });
}

/** Adds a user whose membership of a channel began, changed or ended. */
export function addMembership({ memberships }: Changeset, channelId: string, userId: string): void {
  const userIds = memberships.get(channelId);
  if (userIds) userIds.add(userId);
  else memberships.set(channelId, new Set([userId]));
}

/**
 * Returns the place in the log that a change has whose event is applied after later ones: that of the newest event of its channel.
 */
export function latestPlace(
  { heads }: Changeset,
  { channelId, partition, offset }: { channelId: string } & LogPlace,
): LogPlace {
  return { partition, offset: Math.max(offset, heads.get(channelId)?.offset ?? -1) };
}
