import type { Channel } from '../../prisma/generated/client.ts';
import { BadUserInputError, NotFoundError } from '../errors.ts';
import type { MemberRole, UserFacts } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { type Access, throwRefusal } from './access.ts';
import type { Viewer } from './auth.ts';
import type { Capability } from './capabilities.ts';
import type { Membership } from './channel-reads.ts';
import type { Channels } from './channels.ts';
import { mayModerate } from './policies.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { SecurityLog } from './security-log.ts';
import type { EventDraft, Submit } from './submit-event.ts';

/** Maximum number of hours whose messages a ban deletes: a week. */
export const maxDeleteHours = 168;
const hourMs = 3_600_000;
/** Maximum time for which a member is muted: ten years. */
const maxMuteMs = 10 * 366 * 24 * hourMs;

type Act = Parameters<typeof mayModerate>[0] & Capability;

/** Creates the moderation of rooms by their owners and moderators, who act on members of lower roles. */
export function createRoomModeration(options: {
  database: Database;
  submit: Submit;
  channels: Pick<Channels, 'byIds' | 'memberships' | 'standings'>;
  accounts: { facts(userId: string): Promise<UserFacts | null> };
  access: Pick<Access, 'judge'>;
  rateLimits: RateLimits;
  securityLog: SecurityLog;
}) {
  const { database, submit, channels, accounts, access, securityLog } = options;
  const acts = options.rateLimits.shared('room-moderation', rates.roomModeration);

  return {
    /** Removes a member from a room; the user may join again. */
    async kick(viewer: Viewer, channelId: string, userId: string): Promise<Channel> {
      await check(viewer, 'KICK', channelId, userId);
      await apply(viewer, { type: 'MemberRemoved', channelId, userId, isBan: false, user: null, deleteSince: null });
      securityLog.write('member_kicked', { userId: viewer.userId, targetId: userId, channelId }, viewer.origin);
      return requireChannel(viewer, channelId);
    },

    /**
     * Removes a user from a room for good, and deletes the messages that the user sent there in the last hours. Those that are not
     * deleted when the request ends are deleted soon after.
     */
    async ban(viewer: Viewer, channelId: string, userId: string, deleteHours: number): Promise<Channel> {
      if (deleteHours < 0 || deleteHours > maxDeleteHours)
        throw new BadUserInputError([{ path: 'deleteHours', message: `must be 0 to ${maxDeleteHours}` }]);
      await check(viewer, 'BAN', channelId, userId);
      const deleteSince = deleteHours > 0 ? new Date(Date.now() - deleteHours * hourMs).toISOString() : null;
      const user = await accounts.facts(userId);
      await apply(viewer, { type: 'MemberRemoved', channelId, userId, isBan: true, user, deleteSince });
      securityLog.write('member_banned', { userId: viewer.userId, targetId: userId, channelId }, viewer.origin);
      if (deleteSince !== null) await purge(viewer, channelId, userId);
      return requireChannel(viewer, channelId);
    },

    /** Ends a ban. Does nothing if the user is not banned. */
    async unban(viewer: Viewer, channelId: string, userId: string): Promise<Channel> {
      await check(viewer, 'BAN', channelId, userId);
      await apply(viewer, { type: 'MemberUnbanned', channelId, userId });
      securityLog.write('member_unbanned', { userId: viewer.userId, targetId: userId, channelId }, viewer.origin);
      return requireChannel(viewer, channelId);
    },

    /** Keeps a member from writing until a time; null ends that. */
    async mute(viewer: Viewer, channelId: string, userId: string, until: Date | null): Promise<Membership> {
      checkUntil(until);
      await check(viewer, 'MUTE', channelId, userId);
      await apply(viewer, { type: 'MemberMuted', channelId, userId, until: until?.toISOString() ?? null });
      securityLog.write('member_muted', { userId: viewer.userId, targetId: userId, channelId }, viewer.origin);
      return requireMembership(viewer, channelId, userId);
    },

    /** Changes the role of a member. OWNER hands the room over, and makes the viewer a moderator. */
    async setRole(viewer: Viewer, channelId: string, userId: string, role: MemberRole): Promise<Membership> {
      await check(viewer, 'SET_ROLE', channelId, userId);
      await apply(viewer, { type: 'MemberRoleSet', channelId, userId, role });
      securityLog.write('member_role_changed', { userId: viewer.userId, targetId: userId, channelId }, viewer.origin);
      return requireMembership(viewer, channelId, userId);
    },
  };

  /** Checks early that a user may act on another, who must exist. */
  async function check({ userId: viewerId }: Viewer, act: Act, channelId: string, userId: string): Promise<void> {
    if (userId === viewerId) throw new BadUserInputError([{ path: 'userId', message: 'must not be your own id' }]);
    await acts.take(viewerId);
    await access.judge(channelId, async () => {
      const pairs = [viewerId, userId].map((one) => ({ channelId, userId: one }));
      const [[channel = null], members] = await Promise.all([
        channels.byIds([channelId], viewerId),
        channels.standings(pairs, viewerId),
      ]);
      const of = (id: string) => members.find((member) => member.userId === id) ?? null;
      throwRefusal(mayModerate(act, channel, of(viewerId), of(userId), new Date()));
      if (of(userId) === null && (await accounts.facts(userId)) === null) throw new NotFoundError('User not found.');
    });
  }

  async function apply({ userId, deadline }: Viewer, draft: DistributiveOmit<EventDraft, 'actorId'>): Promise<void> {
    await submit({ ...draft, actorId: userId } as EventDraft, deadline);
  }

  /** Deletes messages step by step until the bridge has removed the purge. */
  async function purge(viewer: Viewer, channelId: string, userId: string): Promise<void> {
    const isUnderWay = async () =>
      (await database.prisma.purge.findUnique({ where: { channelId_userId: { channelId, userId } } })) !== null;
    while (performance.now() < (viewer.deadline ?? Number.POSITIVE_INFINITY) && (await isUnderWay()))
      await apply(viewer, { type: 'MessagesPurged', channelId, userId });
  }

  async function requireChannel({ userId }: Viewer, channelId: string): Promise<Channel> {
    const [channel] = await channels.byIds([channelId], userId);
    if (channel) return channel;
    throw new NotFoundError('Channel not found.');
  }

  async function requireMembership(viewer: Viewer, channelId: string, userId: string): Promise<Membership> {
    const [membership] = await channels.memberships([{ channelId, userId }], viewer.userId);
    if (membership) return membership;
    throw new NotFoundError('The user is no longer a member of this channel.');
  }
}

export type RoomModeration = ReturnType<typeof createRoomModeration>;

type DistributiveOmit<Type, Key extends PropertyKey> = Type extends unknown ? Omit<Type, Key> : never;

function checkUntil(until: Date | null): void {
  const ms = until === null ? 1 : until.getTime() - Date.now();
  if (ms <= 0 || ms > maxMuteMs)
    throw new BadUserInputError([{ path: 'until', message: 'must be in the future, and at most ten years from now' }]);
}
