import { canReadChannel, canSeeChannel } from '../api/domain/access.ts';
import type { Membership as MembershipRow } from '../api/domain/channel-reads.ts';
import type { TimeKey } from '../api/domain/pages.ts';
import type { channelKinds, memberRoles, visibilities } from '../api/events.ts';
import type { Channel as ChannelRow } from '../prisma/generated/client.ts';
import { User } from './accounts.ts';
import { builder, shareable } from './builder.ts';
import { type Context, requireViewer } from './context.ts';
import { findId, isUuid, readId } from './ids.ts';
import { readPage, toConnection } from './pages.ts';
import { readerOf } from './reader.ts';

const ChannelKind = builder.enumType('ChannelKind', {
  description: 'What kind of place a channel is.',
  values: {
    ROOM: { description: 'A named place for many.' },
    DIRECT: { description: 'The one place between two users.' },
    MATCH: { description: 'Where two strangers meet, until one of them leaves.' },
  } satisfies Record<(typeof channelKinds)[number], object>,
});

const Visibility = builder.enumType('Visibility', {
  description: 'Who may find a room.',
  values: {
    PUBLIC: { description: 'Listed in `rooms`; anyone may join.' },
    PRIVATE: { description: 'Known to its members alone, who invite others. Direct channels and matches always are.' },
  } satisfies Record<(typeof visibilities)[number], object>,
});

const MemberRole = builder.enumType('MemberRole', {
  description: 'What a member may do.',
  values: {
    OWNER: { description: 'Renames and closes the room.' },
    MODERATOR: { description: 'Keeps order in the room.' },
    MEMBER: { description: 'Reads and writes.' },
  } satisfies Record<(typeof memberRoles)[number], object>,
});

/** A channel as the database has it. */
export const Channel = builder.objectRef<ChannelRow>('Channel');
/** An active membership. */
export const Membership = builder.objectRef<MembershipRow>('Membership');

builder.node(Channel, {
  description: 'A place where people talk: a room, a direct channel, or a match.',
  id: { resolve: ({ id }) => id },
  loadOne: (id, context) => visibleChannel(context, id),
  fields: (t) => ({
    kind: t.field({
      type: ChannelKind,
      extensions: shareable,
      description: 'Room, direct channel or match.',
      resolve: ({ kind }) => kind,
    }),
    visibility: t.field({
      type: Visibility,
      extensions: shareable,
      description: 'Who may find it.',
      resolve: ({ visibility }) => visibility,
    }),
    name: t.string({
      nullable: true,
      extensions: shareable,
      description: 'Of a room; null for the other kinds, and where the viewer may not know of it any more.',
      resolve: async (channel, _args, context) =>
        (await canSeeChannel(readerOf(context), channel)) ? channel.name : null,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', extensions: shareable, description: 'When it was opened.' }),
    closedAt: t.expose('closedAt', {
      type: 'DateTime',
      nullable: true,
      extensions: shareable,
      description:
        'Since when nobody can write here any more: the match was left, or the room closed. Its history stays.',
    }),
    memberCount: t.int({
      extensions: shareable,
      description: 'How many members it has; 0 where the viewer may not know of it any more.',
      resolve: async (channel, _args, context) =>
        (await canSeeChannel(readerOf(context), channel)) ? channel.memberCount : 0,
    }),
    members: t.connection(
      {
        type: User,
        nullable: true,
        description: 'The members, longest standing first. Null for who is not a member.',
        resolve: async (channel, args, context) => {
          if (!(await canReadChannel(readerOf(context), channel.id))) return null;
          const request = readPage(args, parseTimeKey);
          const page = await context.loaders.members.load({ channelId: channel.id, request });
          if (page === null) return null;
          const connection = toConnection(page, request, ({ joinedAt, userId }) =>
            timeKey({ at: joinedAt, id: userId }),
          );
          const users = await Promise.all(page.items.map(({ userId }) => context.loaders.user.load(userId)));
          const edges = connection.edges.flatMap(({ node: membership, cursor }, n) => {
            const node = users[n];
            return node ? [{ node, cursor, membership }] : [];
          });
          return { ...connection, edges };
        },
      },
      { description: 'A page of members.' },
      {
        name: 'ChannelMembersEdge',
        description: 'A member and the membership.',
        fields: (edge) => ({
          membership: edge.field({
            type: Membership,
            description: 'What the user is in this channel.',
            resolve: (parent) => (parent as unknown as { membership: MembershipRow }).membership,
          }),
        }),
      },
    ),
    peer: t.field({
      type: User,
      nullable: true,
      description: 'The other one of a direct channel or a match; null in rooms, and for who is not a member.',
      resolve: async ({ id, kind }, _args, { loaders }) => {
        const peer = kind === 'ROOM' ? null : await loaders.peer.load(id);
        return peer && loaders.user.load(peer.userId);
      },
    }),
    viewerMembership: t.field({
      type: Membership,
      nullable: true,
      description: 'What the viewer is here; null when not a member.',
      resolve: ({ id }, _args, context) => viewerMembership(context, id),
    }),
  }),
});

builder.node(Membership, {
  description: 'What a user is in one channel.',
  id: { resolve: ({ channelId, userId }) => `${channelId}:${userId}` },
  loadOne: async (key, context) => {
    const [channelId = ''] = key.split(':');
    return (await canReadChannel(readerOf(context), channelId)) ? context.loaders.membership.load(key) : null;
  },
  fields: (t) => ({
    user: t.field({
      type: User,
      description: 'Whose membership it is.',
      resolve: ({ userId }, _args, { loaders }) => loaders.presentUser(userId),
    }),
    channel: t.field({
      type: Channel,
      description: 'Where.',
      resolve: ({ channelId }, _args, { loaders }) => loaders.presentChannel(channelId),
    }),
    role: t.field({ type: MemberRole, description: 'What the member may do.', resolve: ({ role }) => role }),
    joinedAt: t.expose('joinedAt', { type: 'DateTime', description: 'Since when; a return counts anew.' }),
    seenSeq: t.exposeInt('seenSeq', {
      description: "Everything up to this `seq` has been seen by the member. It begins at the member's own joining.",
    }),
  }),
});

builder.objectField(User, 'channels', (t) =>
  t.connection(
    {
      type: Channel,
      nullable: true,
      description: "The viewer's own channels, latest activity first. Null on others.",
      resolve: async (user, args, { viewer, domain }) => {
        if (user.id !== viewer?.userId) return null;
        const request = readPage(args, parseTimeKey);
        return toConnection(await domain.channels.ofUser(user.id, request), request, activityKey);
      },
    },
    { description: "A page of the viewer's channels." },
    { name: 'UserChannelsEdge', description: "One of the viewer's channels." },
  ),
);

builder.queryFields((t) => ({
  channel: t.field({
    type: Channel,
    nullable: true,
    description: 'The channel with that id; null when there is none or the viewer may not know of it.',
    args: { id: t.arg.id({ required: true, description: 'Of a channel.' }) },
    resolve: (_root, { id }, context) => visibleChannel(context, findId('Channel', id)),
  }),
  rooms: t.connection(
    {
      type: Channel,
      nullable: true,
      description: 'Open public rooms, newest activity first.',
      args: { search: t.arg.string({ description: 'Only rooms whose name contains this, in any case.' }) },
      resolve: async (_root, { search, ...args }, context) => {
        requireViewer(context);
        const request = readPage(args, parseTimeKey);
        return toConnection(await context.domain.channels.rooms(search ?? null, request), request, activityKey);
      },
    },
    { name: 'RoomConnection', description: 'A page of rooms.' },
    { name: 'RoomEdge', description: 'A room in its list.' },
  ),
}));

const CreateRoomInput = builder.inputType('CreateRoomInput', {
  description: 'A room to open.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'What it is called: 1 to 80 characters.' }),
    visibility: t.field({ type: Visibility, defaultValue: 'PUBLIC', description: 'Who may find it.' }),
    clientId: t.string({ description: 'Makes a retry harmless: the same one gives the same room.' }),
  }),
});

builder.mutationFields((t) => {
  const channelId = t.arg.id({ required: true, description: 'Of the channel.' });
  return {
    createRoom: t.field({
      type: Channel,
      nullable: true,
      description: 'Opens a room; the viewer is its owner.',
      args: { input: t.arg({ type: CreateRoomInput, required: true, description: 'What it is to be.' }) },
      resolve: (_root, { input: { name, visibility, clientId } }, context) =>
        context.domain.channels.createRoom(requireViewer(context), {
          name,
          visibility: visibility ?? 'PUBLIC',
          clientId: clientId ?? null,
        }),
    }),
    updateRoom: t.field({
      type: Channel,
      nullable: true,
      description: 'Changes the name of a room, its visibility, or both. By its owner.',
      args: {
        channelId,
        name: t.arg.string({ description: 'The new name: 1 to 80 characters.' }),
        visibility: t.arg({ type: Visibility, description: 'Who may find it from now on.' }),
      },
      resolve: (_root, { channelId: id, name, visibility }, context) =>
        context.domain.channels.updateRoom(requireViewer(context), readId('Channel', id), {
          name: name ?? null,
          visibility: visibility ?? null,
        }),
    }),
    closeRoom: t.field({
      type: Channel,
      nullable: true,
      description: 'Ends a room: nobody can write any more, its history stays. By its owner.',
      args: { channelId },
      resolve: (_root, { channelId: id }, context) =>
        context.domain.channels.closeRoom(requireViewer(context), readId('Channel', id)),
    }),
    joinRoom: t.field({
      type: Channel,
      nullable: true,
      description: 'Makes the viewer a member of a public room. Who is one already stays one.',
      args: { channelId },
      resolve: (_root, { channelId: id }, context) =>
        context.domain.channels.joinRoom(requireViewer(context), readId('Channel', id)),
    }),
    invite: t.field({
      type: Channel,
      nullable: true,
      description: 'Makes somebody a member at once. By any member; how one gets into a private room.',
      args: { channelId, userId: t.arg.id({ required: true, description: 'Who is to be a member.' }) },
      resolve: (_root, { channelId: id, userId }, context) =>
        context.domain.channels.invite(requireViewer(context), readId('Channel', id), readId('User', userId)),
    }),
    openDirect: t.field({
      type: Channel,
      nullable: true,
      description: 'The one direct channel between the viewer and somebody; opened on first use.',
      args: { userId: t.arg.id({ required: true, description: 'Whom to talk to.' }) },
      resolve: (_root, { userId }, context) =>
        context.domain.channels.openDirect(requireViewer(context), readId('User', userId)),
    }),
    leaveChannel: t.field({
      type: Channel,
      nullable: true,
      description:
        'Ends the membership in a room or a match. An owner who leaves hands the room to the member of the highest role and longest standing; the last to leave closes it.',
      args: { channelId },
      resolve: (_root, { channelId: id }, context) =>
        context.domain.channels.leaveChannel(requireViewer(context), readId('Channel', id)),
    }),
  };
});

builder.subscriptionField('channels', (t) =>
  t.field({
    type: Channel,
    description:
      "One of the viewer's channels whenever it was joined or left (then `viewerMembership` is null), or its last message, unread count or state changed; at most about once a second each.",
    subscribe: (_root, _args, context) => context.domain.channelList.follow(requireViewer(context)),
    resolve: (channelId, _args, { loaders }) => loaders.presentChannel(channelId),
  }),
);

/** Returns the viewer's active membership of a channel; null when there is none. */
async function viewerMembership({ viewer, loaders }: Context, channelId: string): Promise<MembershipRow | null> {
  return viewer === null ? null : loaders.membership.load(`${channelId}:${viewer.userId}`);
}

async function visibleChannel(context: Context, id: string | null): Promise<ChannelRow | null> {
  const channel = id === null || context.viewer === null ? null : await context.loaders.channel.load(id);
  return channel && (await canSeeChannel(readerOf(context), channel)) ? channel : null;
}

function timeKey({ at, id }: TimeKey): string {
  return `${at.getTime()}:${id}`;
}

function activityKey({ lastActivityAt, id }: ChannelRow): string {
  return timeKey({ at: lastActivityAt, id });
}

function parseTimeKey(cursor: string): TimeKey | null {
  const [, at, id] = /^(\d{1,13}):([\da-f-]{36})$/.exec(cursor) ?? [];
  return at && isUuid(id) ? { at: new Date(Number(at)), id } : null;
}
