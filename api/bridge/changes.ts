import {
  channelNotFound,
  may,
  mayAsk,
  mayBeInvited,
  mayClose,
  mayDelete,
  mayDeleteReported,
  mayMeet,
  mayNotify,
  mayRead,
  startForNewMember,
} from '../domain/policies.ts';
import type { ChannelEvent, Entry, EventOf, Logged, Outcome, ReactionEvent, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { toEntry } from '../infra/database/entries.ts';
import { systemUser } from '../system-user.ts';
import { auditAct } from './audit-writes.ts';
import { type ChangeContext, done, rejected } from './change-context.ts';
import { addHead, addMembership, type Changeset } from './changeset.ts';
import { closeChannel, closeIfEmpty, insertChannel, updateChannel } from './channel-writes.ts';
import { deleteEntry, insertMembershipEntry, insertNotice } from './entry-writes.ts';
import { eraseEntries, eraseProfile } from './erasure.ts';
import { readEventContext } from './event-context.ts';
import { acceptDirect, declineInvitation, inviteUser } from './invitations.ts';
import * as moderation from './member-moderation.ts';
import {
  activateMember,
  endMatchClaims,
  endMembership,
  insertUsers,
  inviteMember,
  promoteNextOwner,
} from './member-writes.ts';
import { applyPin } from './pins.ts';
import { purge } from './purges.ts';
import { trimHistory } from './trim.ts';

/** Every event except those that are applied in batches: sends, edits and reactions. */
export type Change = Exclude<ChannelEvent, { type: 'MessageSent' | 'MessageEdited' | ReactionEvent['type'] }>;

/** An event that ends the membership of a user. */
type Departure = Logged & Pick<EventOf<'MemberLeft'>, 'userId' | 'gone'>;

/** Applies one event. */
export async function applyChange(query: Query, event: Logged<Change>, changeset: Changeset): Promise<void> {
  const context = { ...(await readEventContext(query, event)), query, changeset };
  changeset.outcomes.push({ event, outcome: await change(event, context) });
}

function change(event: Logged<Change>, context: ChangeContext): Promise<Outcome> | Outcome {
  switch (event.type) {
    case 'ChannelOpened':
      return open(event, context);
    case 'ChannelUpdated':
      return update(event, context);
    case 'ChannelClosed':
      return close(event, context);
    case 'MemberJoined':
      return join(event, context);
    case 'MemberInvited':
      return invite(event, context);
    case 'MemberLeft':
      return leave(event, context);
    case 'MemberRemoved':
      return moderation.remove(event, context);
    case 'MemberUnbanned':
      return moderation.unban(event, context);
    case 'MemberMuted':
      return moderation.mute(event, context);
    case 'MemberRoleSet':
      return moderation.changeRole(event, context);
    case 'MessagesPurged':
      return purge(event, context);
    case 'MessageDeleted':
      return remove(event, context);
    case 'MessagePinned':
    case 'MessageUnpinned':
      return applyPin(event, context);
    case 'UserErased':
      return erase(event, context);
    case 'NoticeSent':
      return notice(event, context);
    case 'HistoryTrimmed':
      return trim(event, context);
    default:
      throw new Error(`unknown event ${JSON.stringify(event satisfies never)}`);
  }
}

async function open(
  event: Logged<EventOf<'ChannelOpened'>>,
  { query, changeset, channel, isBlocked, isErased }: ChangeContext,
): Promise<Outcome> {
  if (channel) return done;
  const { kind, members, invitedIds } = event;
  const rejection = mayAsk(isBlocked) ?? (kind === 'MATCH' ? null : mayMeet(isErased));
  if (rejection) return rejected(rejection);
  const users = members.map(({ user }) => user);
  await insertUsers(query, users);
  await insertChannel(query, event);
  for (const { user, role } of members) {
    if (invitedIds.includes(user.id)) {
      await inviteMember(query, event, user.id);
      continue;
    }
    const joined = { kind: 'JOINED', userId: user.id, memberChange: 0 } as const;
    const entry = kind === 'ROOM' ? await insertMembershipEntry(query, event, joined, changeset) : null;
    const start = startForNewMember({ kind, history: event.settings?.history ?? 'ALL' }, entry);
    await activateMember(query, event, { userId: user.id, role, joinedSeq: entry?.seq ?? 0, start });
    if (kind === 'MATCH') changeset.matchUsers.set(user.id, event.partition);
  }
  addOpened(event, changeset);
  return done;
}

function addOpened(event: Logged<EventOf<'ChannelOpened'>>, changeset: Changeset): void {
  const { channelId, members } = event;
  for (const { user } of members) addMembership(changeset, channelId, user.id);
  const head = changeset.heads.get(channelId) ?? { position: 0, seq: 0, version: 0 };
  addHead(changeset, { ...head, id: channelId }, event, true);
}

async function update(
  event: Logged<EventOf<'ChannelUpdated'>>,
  { query, changeset, channel, actor }: ChangeContext,
): Promise<Outcome> {
  const rejection = may('UPDATE', channel, actor, event.at);
  if (rejection) return rejected(rejection);
  await updateChannel(query, event, changeset);
  return done;
}

async function close(
  event: Logged<EventOf<'ChannelClosed'>>,
  { query, changeset, channel, actor }: ChangeContext,
): Promise<Outcome> {
  const rejection = mayClose(channel, actor, event.at);
  if (rejection) return rejected(rejection);
  await closeChannel(query, event, changeset);
  return done;
}

async function join(
  event: Logged<EventOf<'MemberJoined'>>,
  { query, changeset, channel, actor, subject, isBlocked, isErased }: ChangeContext,
): Promise<Outcome> {
  const { user, actorId, revision } = event;
  const isAdded = actorId !== user.id;
  const hidden = isAdded ? mayRead(channel, actor) : null;
  if (hidden) return rejected(hidden);
  if (subject?.state === 'ACTIVE') return done;
  const refusal = isAdded
    ? (may('INVITE', channel, actor, event.at) ?? mayAsk(isBlocked) ?? mayBeInvited(subject))
    : may('JOIN', channel, subject, event.at);
  const rejection = refusal ?? mayMeet(isErased);
  if (rejection || channel === null) return rejected(rejection ?? channelNotFound);
  if ((subject?.revision ?? 0) !== revision) return rejected(staleMembership);
  await insertUsers(query, [user]);
  if (channel.kind === 'DIRECT') {
    await acceptDirect(query, event, user.id, changeset);
    return done;
  }
  const joined = { kind: 'JOINED', userId: user.id, memberChange: 1 } as const;
  const entry = await insertMembershipEntry(query, event, joined, changeset);
  const start = startForNewMember(channel, entry);
  await activateMember(query, event, { userId: user.id, role: 'MEMBER', joinedSeq: entry.seq, start });
  return { applied: true, entry };
}

async function invite(
  event: Logged<EventOf<'MemberInvited'>>,
  { query, changeset, channel, actor, subject, isBlocked, isErased }: ChangeContext,
): Promise<Outcome> {
  const { user, revision } = event;
  const hidden = mayRead(channel, actor);
  if (hidden) return rejected(hidden);
  if (subject?.state === 'ACTIVE' || subject?.state === 'INVITED') return done;
  const refusal = may('INVITE', channel, actor, event.at) ?? mayAsk(isBlocked) ?? mayBeInvited(subject);
  const rejection = refusal ?? mayMeet(isErased);
  if (rejection) return rejected(rejection);
  if ((subject?.revision ?? 0) !== revision) return rejected(staleMembership);
  await insertUsers(query, [user]);
  await inviteUser(query, event, user.id, changeset);
  return done;
}

async function leave(event: Logged<EventOf<'MemberLeft'>>, context: ChangeContext): Promise<Outcome> {
  const { query, changeset, channel, subject } = context;
  if (channel && subject?.state !== 'ACTIVE' && subject?.state !== 'INVITED') return done;
  if (channel && subject?.revision !== event.revision) return rejected(staleMembership);
  const rejection = may('LEAVE', channel, subject, event.at);
  if (rejection) return rejected(rejection);
  // Hiding a direct channel is a preference of the user: nobody leaves it.
  if (channel?.kind === 'DIRECT' && subject?.state === 'ACTIVE') return done;
  if (subject?.state === 'ACTIVE') return { applied: true, entry: await depart(event, context) };
  await declineInvitation(query, event, event.userId, changeset);
  return done;
}

/** Ends an active membership, with the consequences for a channel of its kind. */
async function depart(event: Departure, { query, changeset, channel, subject }: ChangeContext): Promise<Entry> {
  await endMembership(query, event);
  const left = { kind: 'LEFT', userId: event.userId, memberChange: -1 } as const;
  const entry = await insertMembershipEntry(query, event, left, changeset);
  if (channel?.kind === 'MATCH') await endMatch(event, query, changeset);
  else if (channel?.kind === 'DIRECT') await closeChannel(query, event, changeset);
  else await settleRoom(event, query, changeset, subject?.role === 'OWNER');
  return entry;
}

/** Ends a membership in whichever state it is. One that never became active, as an invitation, ends without an entry. */
async function withdraw(event: Departure, context: ChangeContext): Promise<void> {
  const { query, changeset, channel, subject } = context;
  const state = subject?.state;
  if (state === undefined || state === 'LEFT' || state === 'REMOVED') return;
  if (state === 'ACTIVE') {
    await depart(event, context);
    return;
  }
  await endMembership(query, event);
  if (channel?.kind === 'DIRECT') await closeChannel(query, event, changeset);
}

async function erase(event: Logged<EventOf<'UserErased'>>, context: ChangeContext): Promise<Outcome> {
  const { query, changeset, channel } = context;
  await eraseProfile(query, event);
  if (channel !== null) await withdraw({ ...event, gone: false }, context);
  await eraseEntries(query, event, changeset);
  return done;
}

async function remove(
  event: Logged<EventOf<'MessageDeleted'>>,
  { query, changeset, channel, actor, entry }: ChangeContext,
): Promise<Outcome> {
  const change = { channel, member: actor, entry, userId: event.actorId, at: event.at };
  const rejection = event.asModerator ? mayDeleteReported(entry) : mayDelete(change);
  if (rejection) return rejected(rejection);
  if (entry?.deletedAt) return { applied: true, entry: toEntry(entry) };
  const { messageId, actorId, asModerator } = event;
  const authorId = entry?.authorId ?? actorId;
  // Deletions by moderators of the service are in the trail with their reports.
  if (authorId !== actorId && !asModerator)
    await auditAct(query, event, { act: 'MESSAGE_DELETED', userId: authorId, messageId });
  return { applied: true, entry: await deleteEntry(query, event, changeset) };
}

/** The embedding application may say anything in an open channel. A retry gets the notice that is there. */
async function notice(
  event: Logged<EventOf<'NoticeSent'>>,
  { query, changeset, channel, entry }: ChangeContext,
): Promise<Outcome> {
  if (entry) return { applied: true, entry: toEntry(entry) };
  const rejection = mayNotify(channel);
  if (rejection) return rejected(rejection);
  const author = event.about ?? systemUser;
  await insertUsers(query, [author]);
  return { applied: true, entry: await insertNotice(query, event, author.id, changeset) };
}

async function trim(
  event: Logged<EventOf<'HistoryTrimmed'>>,
  { query, changeset, channel }: ChangeContext,
): Promise<Outcome> {
  if (channel === null) return rejected(channelNotFound);
  await trimHistory(query, event, changeset);
  return done;
}

/** Ends a match for both users when one leaves: nobody can write there, and both can be matched again. */
async function endMatch(event: Departure, query: Query, changeset: Changeset): Promise<void> {
  await closeChannel(query, event, changeset);
  for (const userId of await endMatchClaims(query, event)) changeset.matchUsers.set(userId, event.partition);
}

/** After a member left a room, passes ownership on if the owner left, and closes the room if nobody is left. */
async function settleRoom(event: Departure, query: Query, changeset: Changeset, wasOwner: boolean): Promise<void> {
  const newOwnerId = wasOwner ? await promoteNextOwner(query, event) : null;
  await closeIfEmpty(query, event, changeset);
  if (newOwnerId) addMembership(changeset, event.channelId, newOwnerId);
}

const staleMembership: Rejection = {
  code: 'CONFLICT',
  message: 'The membership has changed since you loaded it. Load the channel again and retry.',
};
