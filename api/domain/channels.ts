import { randomUUID } from 'node:crypto';
import { v5 as uuidV5 } from 'uuid';
import type { Channel } from '../../prisma/generated/client.ts';
import { BadUserInputError, type FieldProblem, NotFoundError } from '../errors.ts';
import type { UserFacts, Visibility } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import type { Viewer } from './auth.ts';
import { createChannelReads } from './channel-reads.ts';
import { mayRead } from './policies.ts';
import type { RateLimit } from './rate-limits.ts';
import { rejectionError, type Submit } from './submit-event.ts';
import { keyProblems, textProblem } from './text.ts';

/** The namespace of direct channels' ids, which are made from both users' ids. */
const directNamespace = '6f0f3ad6-0d0e-4f0c-9a53-3c5f2a1c8e11';
const maxNameLength = 80;

/** Rooms and direct channels: what can be done to them. */
export function createChannels(options: {
  database: Database;
  submit: Submit;
  accounts: { facts(userId: string): Promise<UserFacts | null> };
  /** What one user may do to channels. */
  changeRate: RateLimit;
}) {
  const { database, accounts, changeRate } = options;
  const reads = createChannelReads(database);

  async function present(channelId: string): Promise<Channel> {
    const [channel] = await reads.byIds([channelId]);
    if (channel === undefined) throw new NotFoundError('There is no such channel.');
    return channel;
  }

  const submit: Submit = (event) => {
    changeRate.take(event.actorId);
    return options.submit(event);
  };

  async function facts(userId: string): Promise<UserFacts> {
    const found = await accounts.facts(userId);
    if (found === null) throw new NotFoundError('There is no such user.');
    return found;
  }

  async function revision(channelId: string, userId: string): Promise<number> {
    const found = await database.prisma.member.findUnique({ where: { channelId_userId: { channelId, userId } } });
    return found?.revision ?? 0;
  }

  return {
    ...reads,

    /** Opens a room of the viewer's. The same `clientId` gives the same room. */
    async createRoom(
      viewer: Viewer,
      input: { name: string; visibility: Visibility; clientId: string | null },
    ): Promise<Channel> {
      const name = input.name.trim();
      refuse([...nameProblems(name, 'input.name'), ...keyProblems(input.clientId, 'input.clientId')]);
      const channelId = input.clientId === null ? randomUUID() : uuidV5(input.clientId, viewer.userId);
      const members = [{ user: factsOf(viewer), role: 'OWNER' as const }];
      const room = { kind: 'ROOM', visibility: input.visibility, name, members } as const;
      await submit({ type: 'ChannelOpened', channelId, actorId: viewer.userId, ...room });
      return present(channelId);
    },

    /** Changes a room's name, visibility or both; null leaves one as it is. */
    async updateRoom(
      viewer: Viewer,
      channelId: string,
      changes: { name: string | null; visibility: Visibility | null },
    ): Promise<Channel> {
      const name = changes.name?.trim() ?? null;
      refuse(name === null ? [] : nameProblems(name, 'name'));
      const { visibility } = changes;
      await submit({ type: 'ChannelUpdated', channelId, actorId: viewer.userId, name, visibility });
      return present(channelId);
    },

    /** Ends a room: nobody can write any more. */
    async closeRoom(viewer: Viewer, channelId: string): Promise<Channel> {
      await submit({ type: 'ChannelClosed', channelId, actorId: viewer.userId });
      return present(channelId);
    },

    /** Makes the viewer a member of a public room. */
    async joinRoom(viewer: Viewer, channelId: string): Promise<Channel> {
      const user = factsOf(viewer);
      const before = await revision(channelId, viewer.userId);
      await submit({ type: 'MemberJoined', channelId, actorId: viewer.userId, user, revision: before });
      return present(channelId);
    },

    /** Makes somebody else a member of a room that the viewer is a member of. */
    async invite(viewer: Viewer, channelId: string, userId: string): Promise<Channel> {
      const [user, before] = await Promise.all([facts(userId), revision(channelId, userId)]);
      if (userId === viewer.userId) {
        throw new BadUserInputError([{ path: 'userId', message: 'is your own: join the room instead' }]);
      }
      await submit({ type: 'MemberJoined', channelId, actorId: viewer.userId, user, revision: before });
      return present(channelId);
    },

    /** The one direct channel between the viewer and somebody else. */
    async openDirect(viewer: Viewer, userId: string): Promise<Channel> {
      if (userId === viewer.userId) {
        throw new BadUserInputError([{ path: 'userId', message: 'is your own: name somebody else' }]);
      }
      const channelId = uuidV5([viewer.userId, userId].sort().join(':'), directNamespace);
      const [channel] = await reads.byIds([channelId]);
      if (channel) return channel;
      const members = [factsOf(viewer), await facts(userId)].map((user) => ({ user, role: 'MEMBER' as const }));
      const direct = { kind: 'DIRECT', visibility: 'PRIVATE', name: null, members } as const;
      await submit({ type: 'ChannelOpened', channelId, actorId: viewer.userId, ...direct });
      return present(channelId);
    },

    /** Ends the viewer's membership; a match ends by it for both. Repeating it is harmless. */
    async leaveChannel(viewer: Viewer, channelId: string): Promise<Channel> {
      const { userId } = viewer;
      const member = await database.prisma.member.findUnique({ where: { channelId_userId: { channelId, userId } } });
      const channel = await present(channelId);
      const refusal = member === null ? mayRead(channel, null) : null;
      if (refusal) throw rejectionError(refusal);
      const before = member?.revision ?? 0;
      await submit({ type: 'MemberLeft', channelId, actorId: userId, userId, revision: before, gone: false });
      return present(channelId);
    },
  };
}

export type Channels = ReturnType<typeof createChannels>;

/** What events say of the viewer. */
function factsOf({ userId, name, createdAt }: Viewer): UserFacts {
  return { id: userId, name, createdAt };
}

function nameProblems(name: string, path: string): FieldProblem[] {
  const length = [...name].length;
  const message =
    length < 1 || length > maxNameLength ? `takes 1 to ${maxNameLength} characters` : controlProblem(name);
  return message ? [{ path, message }] : [];
}

function controlProblem(name: string): string | null {
  return /\p{Cc}/u.test(name) ? 'contains a control character: leave it out' : textProblem(name);
}

function refuse(problems: readonly FieldProblem[]): void {
  if (problems.length > 0) throw new BadUserInputError(problems);
}
