import type { ChannelKind, EntryKind, MemberRole, Rejection, Visibility } from '../events.ts';

/*
 * Rules of channels and messages, as pure functions of facts. Each returns the reason for a refusal, or null when the
 * action is allowed. The gateway checks a rule before it submits an event, so that callers get a quick response; the
 * bridge checks it again in the channel's order, and its decision is final.
 */

/** Facts about a channel that the rules depend on. */
export interface ChannelFacts {
  kind: ChannelKind;
  visibility: Visibility;
  closedAt: Date | string | null;
  /** Whether one of the members of a direct channel has blocked the other. Needed for sending alone. */
  isBlocked?: boolean;
}

/** Facts about a membership that the rules depend on. */
export interface MemberFacts {
  role: MemberRole;
  /** INVITED: was asked and has neither accepted nor declined. DECLINED: was asked and declined. */
  state: 'ACTIVE' | 'INVITED' | 'DECLINED' | 'LEFT' | 'REMOVED';
  revision: number;
}

/** Facts about an entry that the rules depend on. */
export interface EntryFacts {
  authorId: string;
  kind: EntryKind;
  deletedAt: Date | string | null;
}

type Channel = ChannelFacts | null;
type Member = MemberFacts | null;

/** Refusal that does not tell a channel that is not there from one that the user may not see. */
export const channelNotFound: Rejection = {
  code: 'NOT_FOUND',
  message: "Channel not found, or you don't have access to it.",
};

/** Refusal that does not tell a message that is not there from one that the user may not see. */
export const messageNotFound: Rejection = {
  code: 'NOT_FOUND',
  message: "Message not found, or you don't have access to it.",
};

/** Returns whether a channel is a public room: everyone may see it and join it. */
export function isPublicRoom({ kind, visibility }: ChannelFacts): boolean {
  return kind === 'ROOM' && visibility === 'PUBLIC';
}

/**
 * Reading a channel's history: members, users who are asked for a direct conversation, and both users of a match even after
 * leaving. Users who are invited to a room know that it exists; others may not even learn that of a private channel.
 */
export function mayRead(channel: Channel, member: Member): Rejection | null {
  if (channel === null) return channelNotFound;
  if (member?.state === 'ACTIVE' || (channel.kind === 'MATCH' && member?.state === 'LEFT')) return null;
  if (member?.state === 'INVITED')
    return channel.kind === 'DIRECT' ? null : forbidden('Only members can do this. Accept the invitation first.');
  return isPublicRoom(channel) ? forbidden('Only members can do this. Join the room first.') : channelNotFound;
}

/**
 * Sending a message: members only, in an open channel. A user who is asked for a direct conversation accepts by a message. In a
 * direct channel a block keeps both members from it.
 */
export function maySend(channel: Channel, member: Member): Rejection | null {
  return mayRead(channel, member) ?? (channel?.closedAt ? closed : null) ?? mayAsk(channel?.isBlocked ?? false);
}

/**
 * Asking another user for a conversation: by an invitation, or by a new direct channel.
 * @param isBlocked whether one of the two has blocked the other
 */
export function mayAsk(isBlocked: boolean): Rejection | null {
  return isBlocked ? blocked : null;
}

/**
 * Joining by oneself: an open public room, or an open channel that the user was invited to, also after declining. In a direct
 * channel a block keeps the user from it.
 */
export function mayJoin(channel: Channel, member: Member): Rejection | null {
  const wasAsked = member?.state === 'INVITED' || member?.state === 'DECLINED';
  if (channel === null || !(wasAsked || isPublicRoom(channel))) return channelNotFound;
  return (channel.closedAt ? closed : null) ?? mayAsk(channel.isBlocked ?? false);
}

/** Inviting another user: any member, in an open room. */
export function mayInvite(channel: Channel, member: Member): Rejection | null {
  const refusal = maySend(channel, member);
  if (refusal) return refusal;
  return channel?.kind === 'ROOM' ? null : forbidden('You can invite users to rooms only.');
}

/** Inviting a user again: not one who has declined. */
export function mayInviteAgain(invitee: Member): Rejection | null {
  return invitee?.state === 'DECLINED' ? declined : null;
}

/** Leaving: any member, except that a direct channel stays for good once it is accepted. Leaving an invitation declines it. */
export function mayLeave(channel: Channel, member: Member): Rejection | null {
  if (channel === null) return channelNotFound;
  const isDeclined = member?.state === 'INVITED';
  return channel.kind === 'DIRECT' && !isDeclined ? forbidden('You cannot leave a direct channel.') : null;
}

/** Changing a room's name or visibility: its owner, while it is open. */
export function mayUpdate(channel: Channel, member: Member): Rejection | null {
  return mayClose(channel, member) ?? (channel?.closedAt ? closed : null);
}

/** Closing a room: its owner. */
export function mayClose(channel: Channel, member: Member): Rejection | null {
  const refusal = mayRead(channel, member);
  if (refusal) return refusal;
  if (channel?.kind !== 'ROOM') return forbidden('You can do this in rooms only.');
  return member?.role === 'OWNER' ? null : forbidden('Only the owner of the room can do this.');
}

/** Editing a message: its author, while it is not deleted and the channel is open. */
export function mayEdit(channel: Channel, member: Member, entry: EntryFacts | null, userId: string): Rejection | null {
  const refusal = mayDelete(channel, member, entry, userId);
  if (refusal) return refusal;
  if (entry?.deletedAt) return { code: 'CONFLICT', message: 'The message was deleted.' };
  return channel?.closedAt ? closed : null;
}

/** Deleting a message: its author, also in a closed channel. */
export function mayDelete(
  channel: Channel,
  member: Member,
  entry: EntryFacts | null,
  userId: string,
): Rejection | null {
  if (entry === null || mayRead(channel, member)) return messageNotFound;
  if (entry.kind !== 'TEXT') return forbidden('You can edit or delete text messages only.');
  return entry.authorId === userId ? null : forbidden('You can edit or delete your own messages only.');
}

const declined: Rejection = { code: 'CONFLICT', message: 'The user has declined an invitation to this room.' };
/** The same for both users. */
const blocked: Rejection = { code: 'CONFLICT', message: 'One of you has blocked the other.' };
const closed: Rejection = { code: 'CONFLICT', message: 'The channel is closed. You can read it, but not add to it.' };

function forbidden(message: string): Rejection {
  return { code: 'FORBIDDEN', message };
}
