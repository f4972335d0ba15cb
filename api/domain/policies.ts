import type { Rejection } from '../events.ts';
import { type Capability, isAbove, type Lack, lackOf } from './capabilities.ts';
import { type ChannelFacts, type EntryFacts, isPublicRoom, type MemberFacts } from './channel-facts.ts';

/*
 * Rules of channels and messages, as pure functions of facts. Each returns the reason for a refusal, or null when the
 * action is allowed. The gateway checks a rule before it submits an event, so that callers get a quick response; the
 * bridge checks it again in the channel's order, and its decision is final. `at` is the time of the action: the bridge
 * takes it from the event, so that a log that is applied again has the same outcomes.
 */

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
type Time = Date | string;

/** A change of an entry by a user. */
export interface EntryChange {
  channel: Channel;
  member: Member;
  entry: EntryFacts | null;
  userId: string;
  at: Time;
}

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

/**
 * Reading a channel's history: members, users who are asked for a direct conversation, and both users of a match even after
 * leaving. Users who are invited to a room know that it exists; others may not even learn that of a private channel.
 */
export function mayRead(
  channel: Pick<ChannelFacts, 'kind' | 'visibility'> | null,
  member: Pick<MemberFacts, 'state'> | null,
): Rejection | null {
  if (channel === null) return channelNotFound;
  if (member?.state === 'ACTIVE' || (channel.kind === 'MATCH' && member?.state === 'LEFT')) return null;
  if (member?.state === 'INVITED') return channel.kind === 'DIRECT' ? null : notAccepted;
  return isPublicRoom(channel) ? forbidden('Only members can do this. Join the room first.') : channelNotFound;
}

/** Beginning of the part of a channel that a user can read. */
export interface ReadableStart {
  /** Seq of the first entry; 0 for the whole history. */
  seq: number;
  /** Position of that entry: none that can be read is below it. 0 for the whole history. */
  position: number;
}

const wholeHistory: ReadableStart = { seq: 0, position: 0 };

/**
 * Returns the beginning of the history for a user who becomes a member: it is stored with the membership, and does not change until the
 * user joins again. Only rooms hide something.
 * @param joined the entry of the joining; null in channels that have none
 */
export function startForNewMember(
  { kind, history }: Pick<ChannelFacts, 'kind' | 'history'>,
  joined: ReadableStart | null,
): ReadableStart {
  const { seq, position } = kind === 'ROOM' && history === 'SINCE_JOINED' && joined ? joined : wholeHistory;
  return { seq, position };
}

/**
 * Returns the beginning of the part of a channel that a user can read, among channels that the user may read: members with a moderating
 * role read everything, for as long as they have it. `readableSeq` in infra/database/entries.ts is the same rule as SQL.
 */
export function readableStart(
  member: Pick<MemberFacts, 'role' | 'readableFrom' | 'readablePosition'> | null,
): ReadableStart {
  if (member === null || member.role !== 'MEMBER') return wholeHistory;
  return { seq: member.readableFrom, position: member.readablePosition };
}

/** Reading one entry: users who may read the channel, from the beginning of their history on. */
function mayReadEntry({ channel, member, entry }: Pick<EntryChange, 'channel' | 'member' | 'entry'>) {
  const isReadable = entry !== null && mayRead(channel, member) === null && entry.seq >= readableStart(member).seq;
  return isReadable ? null : messageNotFound;
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

/** Having a seen mark and preferences, and following the activity: active members only. */
export function mayTakePart(channel: Channel, member: Member): Rejection | null {
  if (channel !== null && member?.state === 'INVITED') return notAccepted;
  return mayRead(channel, member) ?? (member?.state === 'ACTIVE' ? null : noLongerMember);
}

/** Moving a seen mark to an entry: active members, from the beginning of their history on. */
export function mayMark(channel: Channel, member: Member, seq: number): Rejection | null {
  return mayTakePart(channel, member) ?? (seq < readableStart(member).seq ? messageNotFound : null);
}

/** Doing something that a capability stands for. */
export function may(capability: Capability, channel: Channel, member: Member, at: Time): Rejection | null {
  if (channel === null) return channelNotFound;
  const lack = lackOf(capability, channel, member, at);
  return lack && refusalOf(lack, channel, member);
}

/** Sending a message, with files or without. */
export function maySend(channel: Channel, member: Member, at: Time, hasFiles: boolean): Rejection | null {
  return may('SEND', channel, member, at) ?? (hasFiles ? may('ATTACH', channel, member, at) : null);
}

/**
 * Sending the next message in a room in slow mode: members without a moderating role must wait.
 * @param lastSentAt time of the member's message before; null if slow mode counts none
 */
export function maySendAgain(
  { kind, slowModeSeconds }: { kind: ChannelFacts['kind']; slowModeSeconds: number },
  { role }: Pick<MemberFacts, 'role'>,
  lastSentAt: Time | null,
  at: Time,
): Rejection | null {
  if (kind !== 'ROOM' || role !== 'MEMBER' || lastSentAt === null) return null;
  const slowModeMs = slowModeSeconds * 1_000;
  const retryAfterMs = new Date(lastSentAt).getTime() + slowModeMs - new Date(at).getTime();
  if (retryAfterMs <= 0) return null;
  const message = `This room is in slow mode: you can send one message every ${slowModeSeconds} seconds.`;
  // The clocks of gateways may differ.
  return { code: 'RATE_LIMITED', message, retryAfterMs: Math.min(retryAfterMs, slowModeMs) };
}

/** Closing a room: its owner, who may repeat it. */
export function mayClose(channel: Channel, member: Member, at: Time): Rejection | null {
  return may('CLOSE', channel && { ...channel, closedAt: null }, member, at);
}

/** Returns whether a message would have neither text nor data nor files. */
export function isEmptyMessage({ text, data, attachments }: MessageParts): boolean {
  return text === '' && data === null && attachments.length === 0;
}

/** Being invited: everybody who is not banned, and has not declined. */
export function mayBeInvited(member: Member): Rejection | null {
  if (member?.bannedAt) return { code: 'CONFLICT', message: 'The user is banned from this room. Unban them first.' };
  return member?.state === 'DECLINED'
    ? { code: 'CONFLICT', message: 'The user has declined an invitation to this room, and can still join it.' }
    : null;
}

/** Reporting a message: users who may read it, also after they have blocked its author. */
export function mayReport({ channel, member, entry, userId }: EntryChange): Rejection | null {
  if (entry === null || mayReadEntry({ channel, member, entry })) return messageNotFound;
  if (entry.kind === 'TEXT' && entry.authorId !== userId) return null;
  return { code: 'BAD_USER_INPUT', message: 'must name a message that another user wrote' };
}

/** Deleting a message that was reported: a moderator of the service, whom the gateway has checked, in any channel. */
export function mayDeleteReported(entry: EntryFacts | null): Rejection | null {
  return entry === null ? messageNotFound : null;
}

/** Maximum number of earlier texts that are kept of a message: the newest ones. */
export const maxVersions = 20;

/** Returns whether a member moderates a channel: the owner and the moderators of a room. They may read earlier texts of messages. */
export function isChannelModerator(channel: Channel, member: Pick<MemberFacts, 'role'> | null): boolean {
  return channel?.kind === 'ROOM' && (member?.role === 'OWNER' || member?.role === 'MODERATOR');
}

/** Maximum number of pinned messages of a channel. */
export const maxPins = 50;

/** Pinning a message or a notice that is not deleted. */
export function mayPin(change: Omit<EntryChange, 'userId'>): Rejection | null {
  const { entry } = change;
  const refusal = mayUnpin(change);
  if (refusal) return refusal;
  if (entry?.kind !== 'TEXT' && entry?.kind !== 'NOTICE') return forbidden('You can pin messages only.');
  return entry.deletedAt ? { code: 'CONFLICT', message: 'The message was deleted.' } : null;
}

/** Taking a pin away: members who may pin, also from a message that has none. */
export function mayUnpin({ channel, member, entry, at }: Omit<EntryChange, 'userId'>): Rejection | null {
  return mayReadEntry({ channel, member, entry }) ?? may('PIN', channel, member, at);
}

/** Refusal of a pin beyond the maximum. */
export const tooManyPins: Rejection = {
  code: 'CONFLICT',
  message: `The channel has ${maxPins} pinned messages, which is the maximum. Unpin one of them first.`,
};

/** Maximum number of kinds of reactions, that is of different emoji, to one message. */
export const maxReactionKinds = 20;

/** Reacting to a message or a notice: members, in an open channel, while it is not deleted. A block ends it in a direct channel. */
export function mayReact({ channel, member, entry, at }: Omit<EntryChange, 'userId'>): Rejection | null {
  const refusal = mayTakeBackReaction({ channel, member, entry });
  if (refusal) return refusal;
  if (entry?.kind !== 'TEXT' && entry?.kind !== 'NOTICE') return forbidden('You can react to messages only.');
  if (entry.deletedAt) return { code: 'CONFLICT', message: 'The message was deleted.' };
  return may('REACT', channel, member, at);
}

/** Taking a reaction back: members, also in a closed channel. */
export function mayTakeBackReaction(change: Pick<EntryChange, 'channel' | 'member' | 'entry'>): Rejection | null {
  return mayReadEntry(change);
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

/** Moderating another user: members of lower roles, and users who are not members. */
export function mayModerate(
  capability: Extract<Capability, 'KICK' | 'BAN' | 'MUTE' | 'SET_ROLE'>,
  channel: Channel,
  member: Member,
  other: Member,
  at: Time,
): Rejection | null {
  const refusal = may(capability, channel, member, at);
  if (refusal || member === null || other?.state !== 'ACTIVE') return refusal;
  return isAbove(member.role, other.role) ? null : forbidden('You can do this to members of lower roles only.');
}

/** Editing a message: its author, while it is not deleted and the author may send. A block does not count. */
export function mayEdit(change: EntryChange): Rejection | null {
  const { channel, member, entry, userId, at } = change;
  if (entry === null || mayReadEntry({ channel, member, entry })) return messageNotFound;
  if (entry.kind !== 'TEXT') return onlyTexts;
  if (entry.authorId !== userId) return forbidden('You can edit your own messages only.');
  if (entry.deletedAt) return { code: 'CONFLICT', message: 'The message was deleted.' };
  return may('SEND', channel && { ...channel, isBlocked: false }, member, at);
}

/** Deleting a message: its author, also in a closed channel, and members who may delete everybody's. */
export function mayDelete({ channel, member, entry, userId, at }: EntryChange): Rejection | null {
  if (entry === null || mayReadEntry({ channel, member, entry })) return messageNotFound;
  if (entry.kind !== 'TEXT') return onlyTexts;
  if (entry.authorId === userId || may('DELETE_MESSAGES', channel, member, at) === null) return null;
  return forbidden('You can delete your own messages only.');
}

/** Returns the refusal for a cause. A user who may not see the channel is told that it is not there. */
function refusalOf(lack: Lack, channel: ChannelFacts, member: Member): Rejection {
  const unreadable = mayRead(channel, member);
  if (unreadable?.code === 'NOT_FOUND') return unreadable;
  switch (lack) {
    case 'hidden':
      return channelNotFound;
    case 'banned':
      return forbidden('You are banned from this room.');
    case 'not a member':
      return unreadable ?? (member?.state === 'INVITED' ? notAccepted : closed);
    case 'blocked':
      return blocked;
    case 'already a member':
      return { code: 'CONFLICT', message: 'You are a member of this channel already.' };
    case 'muted':
      return forbidden('You are muted in this channel. `mutedUntil` of your membership says until when.');
    case 'kind':
      return forbidden(`You cannot do this in a ${kindNames[channel.kind]}.`);
    case 'role':
      return forbidden('Your role in this room does not allow this.');
    case 'closed':
      return closed;
    default:
      throw new Error(`unknown cause ${lack satisfies never}`);
  }
}

const kindNames = { ROOM: 'room', DIRECT: 'direct channel', MATCH: 'match' } as const;
const notAccepted = forbidden('Only members can do this. Accept the invitation first.');
export const noLongerMember = forbidden('You are no longer a member of this channel.');
/** The same for both users. */
const blocked: Rejection = { code: 'CONFLICT', message: 'One of you has blocked the other.' };
const onlyTexts: Rejection = forbidden('You can edit or delete text messages only.');
const closed: Rejection = { code: 'CONFLICT', message: 'The channel is closed. You can read it, but not add to it.' };

function forbidden(message: string): Rejection {
  return { code: 'FORBIDDEN', message };
}
