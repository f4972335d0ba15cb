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
  state: 'ACTIVE' | 'LEFT' | 'REMOVED';
  revision: number;
}

/** Facts about an entry that the rules depend on. */
export interface EntryFacts {
  authorId: string;
  kind: EntryKind;
  deletedAt: Date | string | null;
}

/** Facts about the author of a message and one user whom it mentions. */
export interface MentionFacts {
  isMember: boolean;
  hasBlockedAuthor: boolean;
  isBlockedByAuthor: boolean;
}

/** Parts of a message, of which it has at least one. */
interface MessageParts {
  text: string;
  data: string | null;
  attachments: readonly unknown[];
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
 * Reading a channel's history: members, and both users of a match even after leaving. Others may not even learn that a
 * private channel exists.
 */
export function mayRead(channel: Channel, member: Member): Rejection | null {
  if (channel === null) return channelNotFound;
  if (member?.state === 'ACTIVE' || (channel.kind === 'MATCH' && member?.state === 'LEFT')) return null;
  return isPublicRoom(channel) ? forbidden('Only members can do this. Join the room first.') : channelNotFound;
}

/** Sending a message: members only, in an open channel. In a direct channel a block keeps both members from it. */
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

/** Becoming a member of a room or a direct channel: neither by nor with a user who was erased. */
export function mayMeet(isErased: boolean): Rejection | null {
  return isErased ? { code: 'NOT_FOUND', message: 'User not found.' } : null;
}

/** Sending a notice, which the embedding application does: in any open channel. */
export function mayNotify(channel: Channel): Rejection | null {
  if (channel === null) return channelNotFound;
  return channel.closedAt ? closed : null;
}

/** Mentioning every member: in a room its owner and moderators, elsewhere anybody who may send. */
export function mayMentionAll(channel: Channel, member: Member): Rejection | null {
  if (channel?.kind !== 'ROOM' || member?.role === 'OWNER' || member?.role === 'MODERATOR') return null;
  return forbidden('Only the owner and the moderators of the room can mention everybody.');
}

/**
 * Mentioning one user: members only. A mention of a user who is no longer a member, or has blocked the author, is left out without
 * a word; one of a user whom the author has blocked is refused.
 */
export function judgeMention({
  isMember,
  hasBlockedAuthor,
  isBlockedByAuthor,
}: MentionFacts): 'keep' | 'drop' | Rejection {
  if (!isMember) return 'drop';
  if (isBlockedByAuthor) return { code: 'CONFLICT', message: 'You cannot mention somebody you have blocked.' };
  return hasBlockedAuthor ? 'drop' : 'keep';
}

/** Joining without an invitation: open public rooms only. */
export function mayJoin(channel: Channel): Rejection | null {
  if (channel === null || !isPublicRoom(channel)) return channelNotFound;
  return channel.closedAt ? closed : null;
}

/** Inviting another user: any member, in an open room. */
export function mayInvite(channel: Channel, member: Member): Rejection | null {
  const refusal = maySend(channel, member);
  if (refusal) return refusal;
  return channel?.kind === 'ROOM' ? null : forbidden('You can invite users to rooms only.');
}

/** Leaving: any member, except that a direct channel stays for good. */
export function mayLeave(channel: Channel): Rejection | null {
  if (channel === null) return channelNotFound;
  return channel.kind === 'DIRECT' ? forbidden('You cannot leave a direct channel.') : null;
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

/** Returns whether a message would have neither text nor data nor files. */
export function isEmptyMessage({ text, data, attachments }: MessageParts): boolean {
  return text === '' && data === null && attachments.length === 0;
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

/** Maximum number of earlier texts that are kept of a message: the newest ones. */
export const maxVersions = 20;

/** Returns whether a member moderates a channel: the owner and the moderators of a room. They may read earlier texts of messages. */
export function mayModerate(channel: Channel, member: Pick<MemberFacts, 'role'> | null): boolean {
  return channel?.kind === 'ROOM' && (member?.role === 'OWNER' || member?.role === 'MODERATOR');
}

/** Maximum number of pinned messages of a channel. */
export const maxPins = 50;

/** Pinning a message: in a room its owner and moderators, elsewhere anybody who may send. */
export function mayPin(channel: Channel, member: Member, entry: EntryFacts | null): Rejection | null {
  const refusal = mayUnpin(channel, member, entry);
  if (refusal) return refusal;
  if (entry?.kind !== 'TEXT' && entry?.kind !== 'NOTICE') return forbidden('You can pin messages only.');
  return entry.deletedAt ? { code: 'CONFLICT', message: 'The message was deleted.' } : null;
}

/** Taking a pin away: members who may pin, also from a message that has none. */
export function mayUnpin(channel: Channel, member: Member, entry: EntryFacts | null): Rejection | null {
  if (entry === null || mayRead(channel, member)) return messageNotFound;
  if (channel?.kind === 'ROOM' && !mayModerate(channel, member))
    return forbidden('Only the owner and the moderators of the room can pin messages.');
  return maySend(channel, member);
}

/** Refusal of a pin beyond the maximum. */
export const tooManyPins: Rejection = {
  code: 'CONFLICT',
  message: `The channel has ${maxPins} pinned messages, which is the maximum. Unpin one of them first.`,
};

/** Maximum number of kinds of reactions, that is of different emoji, to one message. */
export const maxReactionKinds = 20;

/** Reacting to a message or a notice: members, in an open channel, while it is not deleted. A block ends it in a direct channel. */
export function mayReact(channel: Channel, member: Member, entry: EntryFacts | null): Rejection | null {
  const refusal = mayTakeBackReaction(channel, member, entry);
  if (refusal) return refusal;
  if (entry?.kind !== 'TEXT' && entry?.kind !== 'NOTICE') return forbidden('You can react to messages only.');
  if (entry.deletedAt) return { code: 'CONFLICT', message: 'The message was deleted.' };
  return (channel?.closedAt ? closed : null) ?? mayAsk(channel?.isBlocked ?? false);
}

/** Taking a reaction back: members, also in a closed channel. */
export function mayTakeBackReaction(channel: Channel, member: Member, entry: EntryFacts | null): Rejection | null {
  return entry === null || mayRead(channel, member) ? messageNotFound : null;
}

/** Refusal of a reaction by an emoji that nobody has used for a message with the maximum of kinds. */
export const tooManyReactionKinds: Rejection = {
  code: 'CONFLICT',
  message: `The message has ${maxReactionKinds} kinds of reactions, which is the maximum. Use one of them.`,
};

/** Moderating the service: users whom an operator has appointed. */
export function mayModerateService(user: { isModerator: boolean } | null): Rejection | null {
  return user?.isModerator ? null : forbidden('Only moderators of the service can do this.');
}

/** Suspending a user: not a moderator of the service, whose appointment an operator must end first. */
export function maySuspend(user: { isModerator: boolean }): Rejection | null {
  return user.isModerator
    ? forbidden(
        'A moderator of the service cannot be suspended. Ask the operator of the server to end the appointment first.',
      )
    : null;
}

/** The same for both users. */
const blocked: Rejection = { code: 'CONFLICT', message: 'One of you has blocked the other.' };
const closed: Rejection = { code: 'CONFLICT', message: 'The channel is closed. You can read it, but not add to it.' };

function forbidden(message: string): Rejection {
  return { code: 'FORBIDDEN', message };
}
