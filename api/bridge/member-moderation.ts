import { mayModerate } from '../domain/policies.ts';
import type { EventOf, Logged, Outcome } from '../events.ts';
import { auditAct } from './audit-writes.ts';
import { type ChangeContext, done, rejected } from './change-context.ts';
import { addMembership } from './changeset.ts';
import { touchChannel } from './channel-writes.ts';
import { insertMembershipEntry } from './entry-writes.ts';
import { endBan, insertUsers, removeMember, setMute, setRole } from './member-writes.ts';
import { startPurge } from './purges.ts';

const notMember = { code: 'NOT_FOUND', message: 'The user is not a member of this channel.' } as const;

/**
 * Removes a member, for a kick or a ban; of an invited user it withdraws the invitation, without an entry. A ban also concerns users
 * who are not members. A repeated event changes nothing.
 */
export async function remove(event: Logged<EventOf<'MemberRemoved'>>, context: ChangeContext): Promise<Outcome> {
  const { query, changeset, channel, actor, subject } = context;
  const rejection = mayModerate(event.isBan ? 'BAN' : 'KICK', channel, actor, subject, event.at);
  if (rejection) return rejected(rejection);
  if (event.deleteSince !== null) await startPurge(query, event, event.deleteSince);
  if (event.isBan ? subject?.bannedAt : subject?.state === 'REMOVED') return done;
  if (!event.isBan && subject?.state !== 'ACTIVE' && subject?.state !== 'INVITED') return rejected(notMember);
  if (event.user) await insertUsers(query, [event.user]);
  await removeMember(query, event);
  await auditAct(query, event, { act: event.isBan ? 'MEMBER_BANNED' : 'MEMBER_KICKED', userId: event.userId });
  if (subject?.state === 'INVITED') return changed(event, context, [event.userId]);
  if (subject?.state !== 'ACTIVE') return done;
  const removed = { kind: 'REMOVED', userId: event.userId, memberChange: -1 } as const;
  return { applied: true, entry: await insertMembershipEntry(query, event, removed, changeset) };
}

/** Ends a ban: the user may join again. */
export async function unban(event: Logged<EventOf<'MemberUnbanned'>>, context: ChangeContext): Promise<Outcome> {
  const { query, channel, actor, subject } = context;
  const rejection = mayModerate('BAN', channel, actor, subject, event.at);
  if (rejection) return rejected(rejection);
  await endBan(query, event);
  if (subject?.bannedAt) await auditAct(query, event, { act: 'MEMBER_UNBANNED', userId: event.userId });
  return done;
}

/** Mutes a member until a time, or ends the mute. */
export async function mute(event: Logged<EventOf<'MemberMuted'>>, context: ChangeContext): Promise<Outcome> {
  const { query, channel, actor, subject } = context;
  const rejection = mayModerate('MUTE', channel, actor, subject, event.at);
  if (rejection) return rejected(rejection);
  if (subject?.state !== 'ACTIVE') return rejected(notMember);
  await setMute(query, event);
  const { userId, until } = event;
  await auditAct(query, event, { act: until === null ? 'MEMBER_UNMUTED' : 'MEMBER_MUTED', userId, until });
  return changed(event, context, [event.userId]);
}

/** Changes the role of a member. An owner who hands the room over becomes a moderator. */
export async function changeRole(event: Logged<EventOf<'MemberRoleSet'>>, context: ChangeContext): Promise<Outcome> {
  const { query, channel, actor, subject } = context;
  const rejection = mayModerate('SET_ROLE', channel, actor, subject, event.at);
  if (rejection) return rejected(rejection);
  if (subject?.state !== 'ACTIVE') return rejected(notMember);
  if (subject.role === event.role) return done;
  await setRole(query, event, event.userId, event.role);
  await auditAct(query, event, { act: `ROLE_${event.role}`, userId: event.userId });
  if (event.role !== 'OWNER') return changed(event, context, [event.userId]);
  await setRole(query, event, event.actorId, 'MODERATOR');
  return changed(event, context, [event.userId, event.actorId]);
}

async function changed(event: Logged, context: ChangeContext, userIds: readonly string[]): Promise<Outcome> {
  await touchChannel(context.query, event, context.changeset);
  for (const userId of userIds) addMembership(context.changeset, event.channelId, userId);
  return done;
}
