import { canReadChannel, canSeeChannel } from '../api/domain/access.ts';
import { capabilities, capabilitiesOf } from '../api/domain/capabilities.ts';
import type { Membership as MembershipRow } from '../api/domain/channel-reads.ts';
import type { ListKey } from '../api/domain/channel-statements.ts';
import type { channelKinds, visibilities } from '../api/events.ts';
import type { Channel as ChannelRow } from '../prisma/generated/client.ts';
import { User } from './accounts.ts';
import { builder, costs, listOf, shareable, textOf } from './builder.ts';
import { type Context, optionalViewer, requireViewer } from './context.ts';
import { parseTimeKey, timeKey } from './cursors.ts';
import { findId, readId } from './ids.ts';
import { nodeId } from './node-ids.ts';
import { readPage, toConnection } from './pages.ts';
import { readerOf } from './reader.ts';
import {
  Capability,
  ChannelSettings,
  ChannelSettingsInput,
  defaultSettings,
  MemberRole,
  settingsOf,
  toSettings,
} from './room-rules.ts';

const ChannelKind = builder.enumType('ChannelKind', {
  description: 'Kind of a channel.',
  values: {
    ROOM: { description: 'A named channel for many people.' },
    DIRECT: { description: 'The one channel between two users.' },
    MATCH: { description: 'A channel for two matched strangers, until one of them leaves.' },
  } satisfies Record<(typeof channelKinds)[number], object>,
});

const Visibility = builder.enumType('Visibility', {
  description: 'Whether a room is listed and open to everybody.',
  values: {
    PUBLIC: { description: 'Listed in `rooms`, and anyone may join.' },
    PRIVATE: {
      description:
        'Visible to its members only; others need an invitation. Direct channels and matches are always private.',
    },
  } satisfies Record<(typeof visibilities)[number], object>,
});

const MembershipState = builder.enumType('MembershipState', {
  description: 'Whether a user is a member.',
  values: {
    ACTIVE: { description: 'The user is a member.' },
    INVITED: {
      description:
        'The user has been invited, or is asked for a direct conversation, and has neither accepted (by `joinRoom`, or a reply) nor declined (by `leaveChannel`).',
    },
  },
});

/** A channel, backed by its database row. */
export const Channel = builder.objectRef<ChannelRow>('Channel');
/** A user's active or invited membership of a channel. */
export const Membership = builder.objectRef<MembershipRow>('Membership');

builder.node(Channel, {
  description: 'A place where people talk: a room, a direct channel or a match.',
  id: nodeId(({ id }) => id),
  loadOne: (id, context) => visibleChannel(context, id),
  fields: (t) => ({
    kind: t.field({
      type: ChannelKind,
      extensions: shareable,
      description: 'Whether this is a room, a direct channel or a match.',
      resolve: ({ kind }) => kind,
    }),
    visibility: t.field({
      type: Visibility,
      extensions: shareable,
      description: 'Whether the channel is listed and open to everybody.',
      resolve: ({ visibility }) => visibility,
    }),
    name: t.string({
      nullable: true,
      extensions: shareable,
      description: 'Name of a room. Null for direct channels and matches, and if the viewer no longer has access.',
      resolve: async (channel, _args, context) =>
        (await canSeeChannel(readerOf(context), channel)) ? channel.name : null,
    }),
    description: t.string({
      nullable: true,
      extensions: shareable,
      description:
        'Subject of a room, as its owner describes it. Null without a description, and if the viewer no longer has access.',
      resolve: async (channel, _args, context) =>
        (await canSeeChannel(readerOf(context), channel)) ? channel.description : null,
    }),
    settings: t.field({
      type: ChannelSettings,
      extensions: shareable,
      description: 'Rules of a room. Direct channels and matches have those that a room has without settings.',
      resolve: async (channel, _args, context) =>
        (await canSeeChannel(readerOf(context), channel)) ? settingsOf(channel) : defaultSettings,
    }),
    viewerCan: t.field({
      type: [Capability],
      extensions: { ...costs(1), ...listOf(capabilities.length) },
      description:
        'Everything that the viewer may do here now. Show and hide controls by this. While the viewer is muted, SEND and the like are missing; load it again at `mutedUntil`. Slow mode does not remove SEND.',
      resolve: async (channel, _args, { loaders, viewer }) => {
        if (viewer === null) return [];
        const standing = await loaders.standing.load(channel.id);
        return capabilitiesOf({ ...channel, isBlocked: standing?.isBlocked ?? false }, standing, new Date());
      },
    }),
    data: t.field({
      type: 'JSON',
      nullable: true,
      extensions: shareable,
      description: 'Custom data of the channel. Null if there is none, and if the viewer no longer has access.',
      resolve: async (channel, _args, context) =>
        (await canSeeChannel(readerOf(context), channel)) ? channel.data : null,
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      extensions: shareable,
      description: 'Time at which the channel was opened.',
    }),
    closedAt: t.expose('closedAt', {
      type: 'DateTime',
      nullable: true,
      extensions: shareable,
      description:
        'Set when nobody can send any longer: the match was left, or the room was closed. The history stays.',
    }),
    trimmedSeq: t.int({
      extensions: shareable,
      description:
        'Messages up to this `seq` were removed because of their age (`limits.retentionDays`): drop them. 0: none was, or the viewer no longer has access.',
      resolve: async (channel, _args, context) =>
        (await canSeeChannel(readerOf(context), channel)) ? channel.trimmedSeq : 0,
    }),
    memberCount: t.int({
      extensions: shareable,
      description: 'Number of members. 0 if the viewer no longer has access.',
      resolve: async (channel, _args, context) =>
        (await canSeeChannel(readerOf(context), channel)) ? channel.memberCount : 0,
    }),
    members: t.connection(
      {
        type: User,
        nullable: true,
        extensions: costs(2),
        description: 'The members, longest standing first. Null if the viewer is not a member.',
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
        description: 'A member, with the membership.',
        fields: (edge) => ({
          membership: edge.field({
            type: Membership,
            description: "The user's membership of this channel.",
            resolve: (parent) => (parent as unknown as { membership: MembershipRow }).membership,
          }),
        }),
      },
    ),
    peer: t.field({
      type: User,
      nullable: true,
      extensions: costs(1),
      description:
        'The other member of a direct channel or a match. Null for rooms, and if the viewer is not a member.',
      resolve: async ({ id, kind }, _args, { loaders }) => {
        const peer = kind === 'ROOM' ? null : await loaders.peer.load(id);
        return peer && loaders.user.load(peer.peerId);
      },
    }),
    viewerMembership: t.field({
      type: Membership,
      nullable: true,
      description: "The viewer's membership of this channel. Null if the viewer is neither a member nor invited.",
      resolve: ({ id }, _args, context) => viewerMembership(context, id),
    }),
  }),
});

builder.node(Membership, {
  description: "A user's membership of one channel.",
  id: nodeId(({ channelId, userId }) => `${channelId}:${userId}`),
  loadOne: async (key, context) => {
    const [channelId = '', userId = ''] = key.split(':');
    const membership = await context.loaders.membership.load(key);
    if (userId === context.viewer?.userId) return membership;
    const isShown = membership?.state === 'ACTIVE' && (await canReadChannel(readerOf(context), channelId));
    return isShown ? membership : null;
  },
  fields: (t) => ({
    user: t.field({
      type: User,
      extensions: shareable,
      description: 'The member.',
      resolve: ({ userId }, _args, { loaders }) => loaders.presentUser(userId),
    }),
    channel: t.field({
      type: Channel,
      extensions: shareable,
      description: 'The channel.',
      resolve: ({ channelId }, _args, { loaders }) => loaders.presentChannel(channelId),
    }),
    state: t.field({
      type: MembershipState,
      description:
        'Whether the user is a member or invited. Users see their own invitations only. A user who is invited to a room sees its name, not its messages.',
      resolve: ({ state }) => (state === 'INVITED' ? 'INVITED' : 'ACTIVE'),
    }),
    invitedBy: t.field({
      type: User,
      nullable: true,
      description:
        'The user who invited the member, or asks for the direct conversation. Null for a member who joined by themselves.',
      resolve: ({ invitedBy }, _args, { loaders }) => (invitedBy === null ? null : loaders.user.load(invitedBy)),
    }),
    role: t.field({
      type: MemberRole,
      extensions: shareable,
      description: 'Role of the member in this channel.',
      resolve: ({ role }) => role,
    }),
    joinedAt: t.expose('joinedAt', {
      type: 'DateTime',
      extensions: shareable,
      description:
        'Time at which the user joined; after leaving and returning, the time of the return. While INVITED, the time of the invitation.',
    }),
    seenSeq: t.exposeInt('seenSeq', {
      extensions: shareable,
      description:
        "The member has seen everything up to this `seq`. It starts at the entry of the member's own joining.",
    }),
  }),
});

builder.objectField(User, 'channels', (t) =>
  t.connection(
    {
      type: Channel,
      nullable: true,
      extensions: costs(5),
      description:
        "The viewer's channels and invitations: pinned ones first, then by most recent activity. Archived ones are left out unless asked for. Null unless the user is the viewer.",
      args: {
        archived: t.arg.boolean({
          defaultValue: false,
          description: 'Whether to include the channels that the viewer archived.',
        }),
      },
      resolve: async (user, { archived, ...args }, { viewer, domain }) => {
        if (user.id !== viewer?.userId) return null;
        const request = readPage(args, parseListKey);
        return toConnection(await domain.channels.ofUser(user.id, request, archived ?? false), request, listKey);
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
    description:
      'The channel with this id. Null if it does not exist or the viewer has no access to it. UNAUTHENTICATED if the token is invalid.',
    args: { id: t.arg.id({ required: true, description: 'Id of a channel.' }) },
    resolve(_root, { id }, context) {
      optionalViewer(context);
      return visibleChannel(context, findId('Channel', id));
    },
  }),
  rooms: t.connection(
    {
      type: Channel,
      nullable: true,
      extensions: costs(10),
      description: 'Open public rooms, most recent activity first.',
      args: {
        search: t.arg.string({
          extensions: textOf('searchTerm'),
          description:
            'Returns only rooms whose name contains this text; case, width and the form of accents make no difference. The search looks at the 5,000 rooms of the most recent activity.',
        }),
      },
      resolve: async (_root, { search, ...args }, context) => {
        const { userId } = requireViewer(context);
        const request = readPage(args, parseTimeKey);
        return toConnection(await context.domain.channels.rooms(search ?? null, request, userId), request, activityKey);
      },
    },
    { name: 'RoomConnection', description: 'A page of rooms.' },
    { name: 'RoomEdge', description: 'A room found in the list.' },
  ),
}));

/** Eighty characters may be longer than most texts. */
const roomName = textOf('roomName', { maxBytes: 2_048 });

const roomDescription = textOf('description', { maxBytes: 16_384 });

const CreateRoomInput = builder.inputType('CreateRoomInput', {
  description: 'The room to open.',
  fields: (t) => ({
    name: t.string({
      required: true,
      extensions: roomName,
      description: 'Name of the room, 1 to 80 characters as readers count them (grapheme clusters).',
    }),
    visibility: t.field({
      type: Visibility,
      defaultValue: 'PUBLIC',
      description: 'Whether the room is listed and open to everybody.',
    }),
    description: t.string({
      extensions: roomDescription,
      description: 'Subject of the room, at most 1,000 characters as readers count them (grapheme clusters).',
    }),
    settings: t.field({ type: ChannelSettingsInput, description: 'Rules of the room.' }),
    data: t.field({ type: 'JSON', description: 'Custom data of the room.' }),
    clientId: t.string({
      extensions: textOf('clientId'),
      description: 'Idempotency key, 1 to 128 UTF-16 code units: a retry with the same key returns the same room.',
    }),
  }),
});

builder.mutationFields((t) => {
  const channelId = t.arg.id({ required: true, description: 'Id of the channel.' });
  return {
    createRoom: t.field({
      type: Channel,
      nullable: true,
      description:
        'Opens a room with the viewer as its owner. RATE_LIMITED after too many rooms in a day; a retry with the same `clientId` does not count.',
      args: { input: t.arg({ type: CreateRoomInput, required: true, description: 'The room to open.' }) },
      resolve: (_root, { input: { name, visibility, description, data, settings, clientId } }, context) =>
        context.domain.channels.createRoom(requireViewer(context), {
          name,
          visibility: visibility ?? 'PUBLIC',
          description: description ?? null,
          data,
          settings: toSettings(settings),
          clientId: clientId ?? null,
        }),
    }),
    updateRoom: t.field({
      type: Channel,
      nullable: true,
      description:
        'Changes properties of a room. Those that are left out stay. FORBIDDEN unless the viewer is the owner.',
      args: {
        channelId,
        name: t.arg.string({
          extensions: roomName,
          description: 'New name, 1 to 80 characters as readers count them (grapheme clusters).',
        }),
        visibility: t.arg({
          type: Visibility,
          description: 'Whether the room is listed and open to everybody from now on.',
        }),
        description: t.arg.string({
          extensions: roomDescription,
          description:
            'New description, at most 1,000 characters as readers count them (grapheme clusters). An empty one removes it.',
        }),
        data: t.arg({ type: 'JSON', description: 'Replaces the custom data; null removes it.' }),
        settings: t.arg({ type: ChannelSettingsInput, description: 'Rules of the room that change.' }),
      },
      resolve: (_root, { channelId: id, name, visibility, description, data, settings }, context) =>
        context.domain.channels.updateRoom(requireViewer(context), readId('Channel', id), {
          name: name ?? null,
          visibility: visibility ?? null,
          description: description ?? null,
          data,
          settings: toSettings(settings),
        }),
    }),
    closeRoom: t.field({
      type: Channel,
      nullable: true,
      description:
        'Closes a room: nobody can send any longer, and the history stays. FORBIDDEN unless the viewer is the owner.',
      args: { channelId },
      resolve: (_root, { channelId: id }, context) =>
        context.domain.channels.closeRoom(requireViewer(context), readId('Channel', id)),
    }),
    joinRoom: t.field({
      type: Channel,
      nullable: true,
      description:
        'Makes the viewer a member of a public room, or accepts an invitation, also one that the viewer has declined. Does nothing if the viewer is a member already.',
      args: { channelId },
      resolve: (_root, { channelId: id }, context) =>
        context.domain.channels.joinRoom(requireViewer(context), readId('Channel', id)),
    }),
    invite: t.field({
      type: Channel,
      nullable: true,
      description:
        'Invites a user to a room: the way into a private room. The user becomes a member by `joinRoom`, and declines for good by `leaveChannel`. Any member may invite. CONFLICT if either has blocked the other, or the user has declined. RATE_LIMITED if the viewer invites too often, or the user is invited too often.',
      args: { channelId, userId: t.arg.id({ required: true, description: 'Id of the user to invite.' }) },
      resolve: (_root, { channelId: id, userId }, context) =>
        context.domain.channels.invite(requireViewer(context), readId('Channel', id), readId('User', userId)),
    }),
    openDirect: t.field({
      type: Channel,
      nullable: true,
      description:
        'Returns the one direct channel between the viewer and a user, and opens it on first use, which counts as an invitation: the other user is INVITED until they reply. A viewer who is invited there, or has declined, accepts by it. CONFLICT if either has blocked the other.',
      args: { userId: t.arg.id({ required: true, description: 'Id of the other user.' }) },
      resolve: (_root, { userId }, context) =>
        context.domain.channels.openDirect(requireViewer(context), readId('User', userId)),
    }),
    leaveChannel: t.field({
      type: Channel,
      nullable: true,
      description:
        "Ends the viewer's membership of a room or a match, or declines an invitation for good: a declined direct conversation does not ask again. An accepted direct channel is archived: left out of the viewer's list until its next message. An owner who leaves hands the room to the member of the highest role and longest standing; the last member to leave closes it.",
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
      "The viewer's channel list, live: first the present state of each of the viewer's channels, then a channel's present state whenever the viewer joined or left it, or its last message, unread count or state changed, at most once a second per channel. `viewerMembership` is null for a channel that the viewer left.",
    subscribe: (_root, _args, context) => context.domain.channelList.follow(requireViewer(context)),
    resolve: ({ channelId }, _args, { loaders }) => loaders.presentChannel(channelId),
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

function activityKey({ lastActivityAt, id }: ChannelRow): string {
  return timeKey({ at: lastActivityAt, id });
}

/** The first part is missing in cursors of former releases. */
function listKey({ isPinned, ...channel }: ChannelRow & Pick<ListKey, 'isPinned'>): string {
  return `${isPinned ? 1 : 0}:${activityKey(channel)}`;
}

function parseListKey(cursor: string): ListKey | null {
  const [, pinned, rest = ''] = /^(?:([01]):)?(\d+:.*)$/.exec(cursor) ?? [];
  const key = parseTimeKey(rest);
  return key && { ...key, isPinned: pinned === '1' };
}
