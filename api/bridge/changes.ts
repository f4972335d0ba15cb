import {
  channelNotFound,
  may,
  mayAsk,
  mayBeInvited,
  mayClose,
  mayDelete,
  mayEdit,
  mayRead,
} from '../domain/policies.ts';
import type { ChannelEvent, EventOf, Logged, Outcome, Rejection } from '../events.ts';
import type { Query } from '../infra/database/database.ts';
import { toEntry } from '../infra/database/entries.ts';
import { addHead, addMembership, type Changeset } from './changeset.ts';
import { closeChannel, closeIfEmpty, insertChannel, updateChannel } from './channel-writes.ts';
import { deleteEntry, editEntry, insertMembershipEntry } from './entry-writes.ts';
import { type EventContext, readEventContext } from './event-context.ts';
import { acceptDirect, declineInvitation, inviteUser } from './invitations.ts';
import {
  activateMember,
  endMatchClaims,
  endMembership,
  insertUsers,
  inviteMember,
  promoteNextOwner,
} from './member-writes.ts';
import { trimHistory } from './trim.ts';

/** Every event except a send. */
export type Change = Exclude<ChannelEvent, { type: 'MessageSent' }>;

interface Context extends EventContext {
  query: Query;
  changeset: Changeset;
}

/** Applies one event that is not a send. */
export async function applyChange(query: Query, event: Logged<Change>, changeset: Changeset): Promise<void> {
  const context = { ...(await readEventContext(query, event)), query, changeset };
  changeset.outcomes.push({ event, outcome: await change(event, context) });
}

function change(event: Logged<Change>, context: Context): Promise<Outcome> | Outcome {
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
    case 'MessageEdited':
      return edit(event, context);
    case 'MessageDeleted':
      return remove(event, context);
    case 'HistoryTrimmed':
      return trim(event, context);
    default:
      throw new Error(`unknown event ${JSON.stringify(event satisfies never)}`);
  }
}

async function open(
  event: Logged<EventOf<'ChannelOpened'>>,
  { query, changeset, channel, isBlocked }: Context,
): Promise<Outcome> {
  if (channel) return done;
  const rejection = mayAsk(isBlocked);
  if (rejection) return rejected(rejection);
  const { kind, members, invitedIds } = event;
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
    await activateMember(query, event, { userId: user.id, role, joinedSeq: entry?.seq ?? 0 });
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
  { query, changeset, channel, actor }: Context,
): Promise<Outcome> {
  const rejection = may('UPDATE', channel, actor, event.at);
  if (rejection) return rejected(rejection);
  await updateChannel(query, event, changeset);
  return done;
}

async function close(
  event: Logged<EventOf<'ChannelClosed'>>,
  { query, changeset, channel, actor }: Context,
): Promise<Outcome> {
  const rejection = mayClose(channel, actor, event.at);
  if (rejection) return rejected(rejection);
  await closeChannel(query, event, changeset);
  return done;
}

async function join(
  event: Logged<EventOf<'MemberJoined'>>,
  { query, changeset, channel, actor, subject, isBlocked }: Context,
): Promise<Outcome> {
  const { user, actorId, revision } = event;
  const isAdded = actorId !== user.id;
  const hidden = isAdded ? mayRead(channel, actor) : null;
  if (hidden) return rejected(hidden);
  if (subject?.state === 'ACTIVE') return done;
  const rejection = isAdded
    ? (may('INVITE', channel, actor, event.at) ?? mayAsk(isBlocked) ?? mayBeInvited(subject))
    : may('JOIN', channel, subject, event.at);
  if (rejection) return rejected(rejection);
  if ((subject?.revision ?? 0) !== revision) return rejected(staleMembership);
  await insertUsers(query, [user]);
  if (channel?.kind === 'DIRECT') {
    await acceptDirect(query, event, user.id, changeset);
    return done;
  }
  const joined = { kind: 'JOINED', userId: user.id, memberChange: 1 } as const;
  const entry = await insertMembershipEntry(query, event, joined, changeset);
  await activateMember(query, event, { userId: user.id, role: 'MEMBER', joinedSeq: entry.seq });
  return { applied: true, entry };
}

async function invite(
  event: Logged<EventOf<'MemberInvited'>>,
  { query, changeset, channel, actor, subject, isBlocked }: Context,
): Promise<Outcome> {
  const { user, revision } = event;
  const hidden = mayRead(channel, actor);
  if (hidden) return rejected(hidden);
  if (subject?.state === 'ACTIVE' || subject?.state === 'INVITED') return done;
  const rejection = may('INVITE', channel, actor, event.at) ?? mayAsk(isBlocked) ?? mayBeInvited(subject);
  if (rejection) return rejected(rejection);
  if ((subject?.revision ?? 0) !== revision) return rejected(staleMembership);
  await insertUsers(query, [user]);
  await inviteUser(query, event, user.id, changeset);
  return done;
}

async function leave(event: Logged<EventOf<'MemberLeft'>>, context: Context): Promise<Outcome> {
  const { query, changeset, channel, subject } = context;
  if (channel && subject?.state !== 'ACTIVE' && subject?.state !== 'INVITED') return done;
  if (channel && subject?.revision !== event.revision) return rejected(staleMembership);
  const rejection = may('LEAVE', channel, subject, event.at);
  if (rejection) return rejected(rejection);
  if (subject?.state === 'INVITED') {
    await declineInvitation(query, event, event.userId, changeset);
    return done;
  }
  await endMembership(query, event);
  const left = { kind: 'LEFT', userId: event.userId, memberChange: -1 } as const;
  const entry = await insertMembershipEntry(query, event, left, changeset);
  if (channel?.kind === 'MATCH') await endMatch(event, query, changeset);
  else await settleRoom(event, query, changeset, subject?.role === 'OWNER');
  return { applied: true, entry };
}

async function edit(
  event: Logged<EventOf<'MessageEdited'>>,
  { query, changeset, channel, actor, entry }: Context,
): Promise<Outcome> {
  const isRepeated = entry?.text === event.text && entry.deletedAt === null;
  const asked = { channel, member: actor, entry, userId: event.actorId, at: event.at };
  const rejection = (isRepeated && entry.authorId === event.actorId ? mayDelete : mayEdit)(asked);
  if (rejection) return rejected(rejection);
  if (isRepeated) return { applied: true, entry: toEntry(entry) };
  if (entry?.revision !== event.revision) return rejected(staleMessage);
  return { applied: true, entry: await editEntry(query, event, event.text, changeset) };
}

async function remove(
  event: Logged<EventOf<'MessageDeleted'>>,
  { query, changeset, channel, actor, entry }: Context,
): Promise<Outcome> {
  const rejection = mayDelete({ channel, member: actor, entry, userId: event.actorId, at: event.at });
  if (rejection) return rejected(rejection);
  if (entry?.deletedAt) return { applied: true, entry: toEntry(entry) };
  return { applied: true, entry: await deleteEntry(query, event, changeset) };
}

async function trim(
  event: Logged<EventOf<'HistoryTrimmed'>>,
  { query, changeset, channel }: Context,
): Promise<Outcome> {
  if (channel === null) return rejected(channelNotFound);
  await trimHistory(query, event, changeset);
  return done;
}

/** Ends a match for both users when one leaves: nobody can write there, and both can be matched again. */
async function endMatch(event: Logged<EventOf<'MemberLeft'>>, query: Query, changeset: Changeset): Promise<void> {
  await closeChannel(query, event, changeset);
  for (const userId of await endMatchClaims(query, event)) changeset.matchUsers.set(userId, event.partition);
}

/** After a member left a room, passes ownership on if the owner left, and closes the room if nobody is left. */
async function settleRoom(
  event: Logged<EventOf<'MemberLeft'>>,
  query: Query,
  changeset: Changeset,
  wasOwner: boolean,
): Promise<void> {
  const newOwnerId = wasOwner ? await promoteNextOwner(query, event) : null;
  await closeIfEmpty(query, event, changeset);
  if (newOwnerId) addMembership(changeset, event.channelId, newOwnerId);
}

const done: Outcome = { applied: true, entry: null };
const staleMembership: Rejection = {
  code: 'CONFLICT',
  message: 'The membership has changed since you loaded it. Load the channel again and retry.',
};
const staleMessage: Rejection = {
  code: 'CONFLICT',
  message: 'The message has been edited since you loaded it. Load it again before you edit it.',
};

function rejected(rejection: Rejection): Outcome {
  return { applied: false, rejection };
}
