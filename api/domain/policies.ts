import type { Rejection } from '../events.ts';
import { type Capability, type Lack, lackOf } from './capabilities.ts';
import { type ChannelFacts, type EntryFacts, isPublicRoom, type MemberFacts } from './channel-facts.ts';

/*
 * Rules of channels and messages, as pure functions of facts. Each returns the reason for a refusal, or null when the
 * action is allowed. The gateway checks a rule before it submits an event, so that callers get a quick response; the
 * bridge checks it again in the channel's order, and its decision is final. `at` is the time of the action: the bridge
 * takes it from the event, so that a log that is applied again has the same outcomes.
 */

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

/** Closing a room: its owner, who may repeat it. */
export function mayClose(channel: Channel, member: Member, at: Time): Rejection | null {
  return may('CLOSE', channel && { ...channel, closedAt: null }, member, at);
}

/** Being invited: everybody who is not banned, and has not declined. */
export function mayBeInvited(member: Member): Rejection | null {
  if (member?.bannedAt) return { code: 'CONFLICT', message: 'The user is banned from this room. Unban them first.' };
  return member?.state === 'DECLINED'
    ? { code: 'CONFLICT', message: 'The user has declined an invitation to this room, and can still join it.' }
    : null;
}

/**
 * Asking another user for a conversation: by an invitation, or by a direct channel.
 * @param isBlocked whether one of the two has blocked the other
 */
export function mayAsk(isBlocked: boolean): Rejection | null {
  return isBlocked ? blocked : null;
}

/** Editing a message: its author, while it is not deleted and the author may send. A block does not count. */
export function mayEdit(change: EntryChange): Rejection | null {
  const { channel, member, entry, userId, at } = change;
  if (entry === null || mayRead(channel, member)) return messageNotFound;
  if (entry.kind !== 'TEXT') return onlyTexts;
  if (entry.authorId !== userId) return forbidden('You can edit your own messages only.');
  if (entry.deletedAt) return { code: 'CONFLICT', message: 'The message was deleted.' };
  return may('SEND', channel && { ...channel, isBlocked: false }, member, at);
}

/** Deleting a message: its author, also in a closed channel, and members who may delete everybody's. */
export function mayDelete({ channel, member, entry, userId, at }: EntryChange): Rejection | null {
  if (entry === null || mayRead(channel, member)) return messageNotFound;
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
/** The same for both users. */
const blocked: Rejection = { code: 'CONFLICT', message: 'One of you has blocked the other.' };
const onlyTexts: Rejection = forbidden('You can edit or delete text messages only.');
const closed: Rejection = { code: 'CONFLICT', message: 'The channel is closed. You can read it, but not add to it.' };

function forbidden(message: string): Rejection {
  return { code: 'FORBIDDEN', message };
}
