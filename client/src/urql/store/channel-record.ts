import type { ChangedUser, Channel, Membership, Message } from './types.ts';
import { countMessage, countUpTo, isCountStale, markSeenUpTo, type UnreadTally, unreadCounts } from './unread.ts';

/** A channel as the store keeps it. */
export interface ChannelRecord {
  /** As lists show it: with the newest message and the present counts. */
  readonly channel: Channel;
  readonly tally: UnreadTally;
}

/** Creates the record of a channel that was loaded, over an earlier one. */
export function recordOf(loaded: Channel, earlier?: ChannelRecord): ChannelRecord {
  const channel = { ...loaded, lastMessage: newestOf(loaded.lastMessage, earlier?.channel.lastMessage ?? null) };
  return withTally(channel, tallyOf(loaded.viewerMembership, earlier?.tally));
}

/** Returns the record after a change of the viewer's membership. */
export function withMembership({ channel, tally }: ChannelRecord, membership: Membership): ChannelRecord {
  return withTally({ ...channel, viewerMembership: membership }, tallyOf(membership, tally));
}

/** Returns the record after a message was sent or changed. */
export function withMessage({ channel, tally }: ChannelRecord, message: Message, viewerId: string): ChannelRecord {
  const lastMessage = newestOf(message, channel.lastMessage);
  const isNew = lastMessage !== channel.lastMessage && message.seq > (channel.lastMessage?.seq ?? 0);
  const shown = lastMessage === channel.lastMessage ? channel : { ...channel, lastMessage };
  return withTally(isNew ? unarchived(shown) : shown, countMessage(tally, toCountable(message, viewerId)));
}

/** Returns whether the counts must be loaded again because of a message: it may have been counted and is deleted now. */
export function isStaleAfter({ tally }: ChannelRecord, message: Message, viewerId: string): boolean {
  return message.deletedAt !== null && isCountStale(tally, toCountable(message, viewerId));
}

/** Returns the record after the viewer saw everything up to `seq`. */
export function withSeen({ channel, tally }: ChannelRecord, seq: number): ChannelRecord {
  return withTally(channel, markSeenUpTo(tally, seq));
}

/** Returns the record with the new profile of a user, or the same record if the user does not occur in it. */
export function withUser(record: ChannelRecord, user: ChangedUser): ChannelRecord {
  const { channel } = record;
  if (channel.peer?.id !== user.id) return record;
  return { ...record, channel: { ...channel, peer: { ...channel.peer, ...user } } };
}

function withTally(channel: Channel, tally: UnreadTally): ChannelRecord {
  const { viewerMembership } = channel;
  if (viewerMembership === null || viewerMembership.state === 'INVITED') return { channel, tally };
  const { unread, mentions } = unreadCounts(tally);
  const membership = { ...viewerMembership, seenSeq: tally.seenSeq, unreadCount: unread, mentionCount: mentions };
  return { channel: { ...channel, viewerMembership: membership }, tally };
}

function tallyOf(membership: Membership | null, earlier?: UnreadTally): UnreadTally {
  const { seenSeq = 0, unreadCount, mentionCount, channel } = membership ?? {};
  const counted = { unread: unreadCount ?? 0, mentions: mentionCount ?? 0 };
  return countUpTo(channel?.lastMessage?.seq ?? 0, seenSeq, counted, earlier);
}

function newestOf(one: Channel['lastMessage'], other: Channel['lastMessage']): Channel['lastMessage'] {
  if (one === null || other === null) return one ?? other;
  return isNewer(one, other) ? one : other;
}

function isNewer(one: { seq: number; position: number }, other: { seq: number; position: number }): boolean {
  return one.seq === other.seq ? one.position > other.position : one.seq > other.seq;
}

/** A message brings an archived channel back into the list. */
function unarchived(channel: Channel): Channel {
  const { viewerMembership } = channel;
  return viewerMembership?.archived
    ? { ...channel, viewerMembership: { ...viewerMembership, archived: false } }
    : channel;
}

function toCountable({ seq, position, kind, author, deletedAt, mentions, mentionsAll }: Message, viewerId: string) {
  const counts = (kind === 'TEXT' || kind === 'NOTICE') && deletedAt === null && author.id !== viewerId;
  return { seq, position, counts, mentionsViewer: mentionsAll || mentions.some(({ id }) => id === viewerId) };
}
