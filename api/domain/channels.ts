import { randomUUID } from 'node:crypto';
import { v5 as uuidV5 } from 'uuid';
import type { Channel } from '../../prisma/generated/client.ts';
import { BadUserInputError, NotFoundError } from '../errors.ts';
import type { UserFacts, Visibility } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { isSystemUser } from '../system-user.ts';
import { throwRefusal } from './access.ts';
import type { Viewer } from './auth.ts';
import { createChannelLimits, type InviterFacts } from './channel-limits.ts';
import { createChannelReads } from './channel-reads.ts';
import { readData, readNewData } from './custom-data.ts';
import type { Moderation } from './moderation.ts';
import { channelNotFound, may, mayAsk, mayBeInvited, mayRead } from './policies.ts';
import type { PreferenceStore } from './preferences.ts';
import type { RateLimits } from './rate-limits.ts';
import { type RoomInput, readRoom } from './room-properties.ts';
import type { SecurityLog } from './security-log.ts';
import { rejectionError, type Submit } from './submit-event.ts';
import { clientIdProblems } from './text.ts';
import { toUserFacts } from './user-facts.ts';

/** Namespace of direct channels' ids until version 0.1: everybody could compute them. Channels opened then keep their ids. */
const formerNamespace = '6f0f3ad6-0d0e-4f0c-9a53-3c5f2a1c8e11';

/**
 * Creates the channels of the domain: reading them, and changing rooms and direct channels.
 * @param options.directSecret namespace, 16 bytes, from which ids of direct channels are derived together with both users'
 *   ids: retries and both users get the same id, and nobody else can compute it
 */
export function createChannels(
  options: InviterFacts & {
    database: Database;
    moderation: Pick<Moderation, 'areBlocked'>;
    preferences: Pick<PreferenceStore, 'change'>;
    submit: Submit;
    accounts: { facts(userId: string): Promise<UserFacts | null> };
    rateLimits: RateLimits;
    maxDataBytes: number;
    directSecret: Uint8Array;
    securityLog: SecurityLog;
  },
) {
  const { database, moderation, preferences, accounts, submit, directSecret, securityLog, maxDataBytes } = options;
  const reads = createChannelReads(database);
  const limits = createChannelLimits(options.rateLimits, options);

  return {
    ...reads,

    /** Creates a room that the viewer owns. The same `clientId` returns the same room. */
    async createRoom(
      viewer: Viewer,
      {
        clientId,
        data,
        ...input
      }: RoomInput & { name: string; visibility: Visibility; data: unknown; clientId: string | null },
    ): Promise<Channel> {
      const room = readRoom(input, 'input.', clientIdProblems(clientId, 'input.clientId'));
      const json = readData(data, 'input.data', maxDataBytes);
      const channelId = clientId === null ? randomUUID() : uuidV5(clientId, viewer.userId);
      await limits.change(viewer.userId);
      const [present] = clientId === null ? [] : await reads.byIds([channelId], viewer.userId);
      if (present) return present;
      await limits.create(viewer.userId);
      const members = [{ user: factsOfViewer(viewer), role: 'OWNER' as const }];
      const opened = { ...room, data: json, kind: 'ROOM', visibility: input.visibility, members } as const;
      await submit({ type: 'ChannelOpened', channelId, actorId: viewer.userId, ...opened }, viewer.deadline);
      return requireChannel(channelId);
    },

    /** Changes properties of a room; null leaves one as it is, and so do `data` that are undefined; an empty description removes it. */
    async updateRoom(
      viewer: Viewer,
      channelId: string,
      { data, ...input }: RoomInput & { data: unknown },
    ): Promise<Channel> {
      const change = { ...readRoom(input, ''), data: readNewData(data, 'data', maxDataBytes) };
      await limits.change(viewer.userId);
      await submit({ type: 'ChannelUpdated', channelId, actorId: viewer.userId, ...change }, viewer.deadline);
      return requireChannel(channelId);
    },

    /** Closes a room: nobody can send any longer, its history stays. */
    async closeRoom(viewer: Viewer, channelId: string): Promise<Channel> {
      await limits.change(viewer.userId);
      await submit({ type: 'ChannelClosed', channelId, actorId: viewer.userId }, viewer.deadline);
      securityLog.write('room_closed', { userId: viewer.userId, channelId }, viewer.origin);
      return requireChannel(channelId);
    },

    /** Makes the viewer a member of a public room, or accepts an invitation. */
    async joinRoom(viewer: Viewer, channelId: string): Promise<Channel> {
      await limits.join(viewer.userId);
      await join(viewer, channelId, await revision(channelId, viewer.userId));
      return requireChannel(channelId);
    },

    /**
     * Asks another user to become a member of a room that the viewer is a member of. Repeated calls are harmless.
     * @throws ConflictError if one of the two has blocked the other, or the user has declined; RateLimitedError
     */
    async invite(viewer: Viewer, channelId: string, userId: string): Promise<Channel> {
      if (userId === viewer.userId) {
        throw new BadUserInputError([{ path: 'userId', message: 'must not be your own id. Join the room instead' }]);
      }
      await limits.invite(viewer.userId);
      await requireInvite(channelId, viewer.userId);
      await requireUnblocked(viewer.userId, userId);
      const [user, member] = await Promise.all([requireFacts(userId), findMember(channelId, userId)]);
      throwRefusal(mayBeInvited(member));
      if (!isMember(member)) await limits.beInvited(userId, viewer.userId);
      const before = member?.revision ?? 0;
      await submit(
        { type: 'MemberInvited', channelId, actorId: viewer.userId, user, revision: before },
        viewer.deadline,
      );
      return requireChannel(channelId);
    },

    /**
     * Returns the only direct channel between the viewer and another user, which the first call opens: the other is asked then. A viewer
     * who was asked, or has declined, accepts by this.
     * @throws ConflictError if one of the two has blocked the other; RateLimitedError
     */
    async openDirect(viewer: Viewer, userId: string): Promise<Channel> {
      if (userId === viewer.userId) {
        throw new BadUserInputError([{ path: 'userId', message: 'must not be your own id' }]);
      }
      const pair = [viewer.userId, userId].sort().join(':');
      const channelId = uuidV5(pair, directSecret);
      await requireUnblocked(viewer.userId, userId);
      const channel = await findFirst([uuidV5(pair, formerNamespace), channelId]);
      if (channel) return acceptDirect(viewer, channel);
      await limits.invite(viewer.userId);
      const other = await requireFacts(userId);
      await limits.beInvited(userId, viewer.userId);
      const members = [factsOfViewer(viewer), other].map((user) => ({ user, role: 'MEMBER' as const }));
      const direct = {
        kind: 'DIRECT' as const,
        visibility: 'PRIVATE' as const,
        name: null,
        members,
        invitedIds: [userId],
      };
      await submit({ type: 'ChannelOpened', channelId, actorId: viewer.userId, ...direct }, viewer.deadline);
      // The other user may have opened it at the same moment.
      return acceptDirect(viewer, await requireChannel(channelId));
    },

    /**
     * Ends the viewer's membership, or declines an invitation; leaving a match ends it for both. A direct channel that the viewer has
     * accepted is archived in place of that: left out of the list until its next message. Repeated calls are harmless.
     */
    async leaveChannel(viewer: Viewer, channelId: string): Promise<Channel> {
      const { userId } = viewer;
      await limits.change(userId);
      const member = await findMember(channelId, userId);
      const channel = await requireChannel(channelId);
      if (member === null) throwRefusal(mayRead(channel, null));
      if (channel.kind === 'DIRECT' && member?.state === 'ACTIVE') {
        await preferences.change(viewer, channelId, { notify: null, pinned: null, archived: true });
        return channel;
      }
      const before = member?.revision ?? 0;
      await submit(
        { type: 'MemberLeft', channelId, actorId: userId, userId, revision: before, gone: false },
        viewer.deadline,
      );
      return requireChannel(channelId);
    },
  };

  /** Makes the viewer an active member of a direct channel. */
  async function acceptDirect(viewer: Viewer, channel: Channel): Promise<Channel> {
    const member = await findMember(channel.id, viewer.userId);
    if (member?.state === 'ACTIVE') return channel;
    await join(viewer, channel.id, member?.revision ?? 0);
    return requireChannel(channel.id);
  }

  async function join(viewer: Viewer, channelId: string, before: number): Promise<void> {
    const joined = { type: 'MemberJoined', channelId, user: factsOfViewer(viewer), revision: before } as const;
    await submit({ ...joined, actorId: viewer.userId }, viewer.deadline);
  }

  /** Checks early that a user may invite to a channel, so that attempts without effect use up nobody's invitations. */
  async function requireInvite(channelId: string, userId: string): Promise<void> {
    const [[channel = null], member] = await Promise.all([
      reads.byIds([channelId], userId),
      findMember(channelId, userId),
    ]);
    throwRefusal(may('INVITE', channel, member, new Date()));
  }

  async function requireUnblocked(userId: string, otherId: string): Promise<void> {
    throwRefusal(mayAsk(await moderation.areBlocked(userId, otherId)));
  }

  async function requireChannel(channelId: string): Promise<Channel> {
    const channel = await findFirst([channelId]);
    if (channel) return channel;
    throw rejectionError(channelNotFound);
  }

  /** Returns the channel of the first of these ids that has one. */
  async function findFirst(ids: readonly string[]): Promise<Channel | null> {
    const rows = await database.prisma.channel.findMany({ where: { id: { in: [...ids] } } });
    const found = new Map(rows.map((channel) => [channel.id, channel]));
    return ids.flatMap((id) => found.get(id) ?? [])[0] ?? null;
  }

  async function requireFacts(userId: string): Promise<UserFacts> {
    const facts = await accounts.facts(userId);
    if (facts === null || isSystemUser(userId)) throw new NotFoundError('User not found.');
    return facts;
  }

  async function revision(channelId: string, userId: string): Promise<number> {
    return (await findMember(channelId, userId))?.revision ?? 0;
  }

  function findMember(channelId: string, userId: string) {
    return database.prisma.member.findUnique({ where: { channelId_userId: { channelId, userId } } });
  }
}

export type Channels = ReturnType<typeof createChannels>;

/** Whether a user is a member, or asked to become one. */
function isMember(member: { state: string } | null): boolean {
  return member?.state === 'ACTIVE' || member?.state === 'INVITED';
}

function factsOfViewer({ userId, name, createdAt }: Viewer): UserFacts {
  return toUserFacts({ id: userId, name, createdAt });
}
