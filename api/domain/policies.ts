import type { ChannelKind, EntryKind, MemberRole, Rejection, Visibility } from '../events.ts';

/** What the rules need to know of a channel. */
export interface ChannelFacts {
  kind: ChannelKind;
  visibility: Visibility;
  closedAt: Date | string | null;
}

/** What the rules need to know of a membership. */
export interface MemberFacts {
  role: MemberRole;
  state: 'ACTIVE' | 'LEFT' | 'REMOVED';
  revision: number;
}

/** What the rules need to know of an entry. */
export interface EntryFacts {
  authorId: string;
  kind: EntryKind;
  deletedAt: Date | string | null;
}

type Channel = ChannelFacts | null;
type Member = MemberFacts | null;

/**
 * The rules of channels: each answers why not, or null. The gateway asks them as a courtesy, the bridge's answer is final.
 */

/** May somebody read the channel's history? Members alone. */
export function mayRead(channel: Channel, member: Member): Rejection | null {
  if (channel === null) return noChannel;
  if (member?.state === 'ACTIVE') return null;
  return isListed(channel) ? forbidden('Only members may do that: join the room first.') : noChannel;
}

/** May a member write here? */
export function maySend(channel: Channel, member: Member): Rejection | null {
  return mayRead(channel, member) ?? (channel?.closedAt ? closed : null);
}

/** May somebody come in by themselves? */
export function mayJoin(channel: Channel): Rejection | null {
  if (channel === null || !isListed(channel)) return noChannel;
  return channel.closedAt ? closed : null;
}

/** May a member bring somebody in? */
export function mayInvite(channel: Channel, member: Member): Rejection | null {
  const refusal = maySend(channel, member);
  if (refusal) return refusal;
  return channel?.kind === 'ROOM' ? null : forbidden('Only rooms take further members.');
}

/** May a member go? */
export function mayLeave(channel: Channel): Rejection | null {
  if (channel === null) return noChannel;
  return channel.kind === 'DIRECT' ? forbidden('A direct channel cannot be left.') : null;
}

/** May a member change the room's name or visibility? */
export function mayUpdate(channel: Channel, member: Member): Rejection | null {
  return mayClose(channel, member) ?? (channel?.closedAt ? closed : null);
}

/** May a member close the room? */
export function mayClose(channel: Channel, member: Member): Rejection | null {
  const refusal = mayRead(channel, member);
  if (refusal) return refusal;
  if (channel?.kind !== 'ROOM') return forbidden('Only rooms have an owner who may do that.');
  return member?.role === 'OWNER' ? null : forbidden('Only the owner of the room may do that.');
}

/** May a member change the text of an entry? */
export function mayEdit(channel: Channel, member: Member, entry: EntryFacts | null, userId: string): Rejection | null {
  const refusal = mayDelete(channel, member, entry, userId);
  if (refusal) return refusal;
  if (entry?.deletedAt) return { code: 'CONFLICT', message: 'The message was deleted.' };
  return channel?.closedAt ? closed : null;
}

/** May a member delete an entry? */
export function mayDelete(
  channel: Channel,
  member: Member,
  entry: EntryFacts | null,
  userId: string,
): Rejection | null {
  if (entry === null || mayRead(channel, member)) return noMessage;
  if (entry.kind !== 'TEXT') return forbidden('Only what somebody wrote can be changed.');
  return entry.authorId === userId ? null : forbidden('Only its author may change a message.');
}

const noChannel: Rejection = { code: 'NOT_FOUND', message: 'There is no such channel, or you may not know of it.' };
const noMessage: Rejection = { code: 'NOT_FOUND', message: 'There is no such message, or you may not know of it.' };
const closed: Rejection = { code: 'CONFLICT', message: 'The channel is closed: nothing can be added any more.' };

function forbidden(message: string): Rejection {
  return { code: 'FORBIDDEN', message };
}

function isListed({ kind, visibility }: ChannelFacts): boolean {
  return kind === 'ROOM' && visibility === 'PUBLIC';
}
