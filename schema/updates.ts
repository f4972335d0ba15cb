import type { ShownEvent } from '../api/domain/updates/live-update.ts';
import { encodeUpdateCursor, type UpdateCursor } from '../api/domain/updates/update-cursor.ts';
import { User } from './accounts.ts';
import { builder, costs, listOf, ownEvent, shareable, shareableAsEvent, textOf } from './builder.ts';
import { Channel, Membership } from './channels.ts';
import { requireViewer } from './context.ts';
import { encodeId } from './ids.ts';
import { Match } from './matching.ts';
import { Message } from './messages.ts';
import { readPage } from './pages.ts';

type EventOf<Type extends ShownEvent['type']> = Extract<ShownEvent, { type: Type }>;

/** An update as the schema shows it. A cursor that is not text yet is encoded if it is selected. */
interface ShownUpdate {
  event: ShownEvent;
  cursor: string | UpdateCursor;
}

const MessageChanged = builder.objectRef<EventOf<'message'>>('MessageChanged');
MessageChanged.implement({
  description: 'A message was sent, edited or deleted, or a user joined or left a channel.',
  fields: (t) => ({
    message: t.field({
      type: Message,
      extensions: shareableAsEvent,
      description: 'The message in its newest state.',
      resolve: ({ entry }) => entry,
    }),
  }),
});

const ChannelChanged = builder.objectRef<EventOf<'channel'>>('ChannelChanged');
ChannelChanged.implement({
  extensions: ownEvent,
  description:
    "The channel's own properties changed (name, visibility, pins, closing), or the viewer became a member. Changes that follow from messages, such as the last message and the number of members, do not raise it.",
  fields: (t) => ({
    channel: t.field({
      type: Channel,
      extensions: shareable,
      description: 'The channel in its present state.',
      resolve: ({ channelId }, _args, { loaders }) => loaders.presentChannel(channelId),
    }),
  }),
});

const MembershipChanged = builder.objectRef<EventOf<'membership'>>('MembershipChanged');
MembershipChanged.implement({
  extensions: ownEvent,
  description: "The viewer's own membership changed: joined, left, role, seen mark, preferences.",
  fields: (t) => ({
    channelId: t.id({
      extensions: shareable,
      description: 'Id of the channel.',
      resolve: ({ channelId }) => encodeId('Channel', channelId),
    }),
    membership: t.field({
      type: Membership,
      nullable: true,
      description: 'The membership in its present state. Null if the viewer left or was removed.',
      resolve: ({ channelId }, _args, { viewer, loaders }) =>
        viewer && loaders.membership.load(`${channelId}:${viewer.userId}`),
    }),
  }),
});

const MatchChanged = builder.objectRef<EventOf<'match'>>('MatchChanged');
MatchChanged.implement({
  extensions: ownEvent,
  description: "The viewer's match or place in the queue changed, or the partner came online or went offline.",
  fields: (t) => ({
    match: t.field({
      type: Match,
      nullable: true,
      extensions: costs(2),
      description: 'The match or place in its present state. Null if there is neither.',
      resolve: (_event, _args, context) => context.domain.matching.current(requireViewer(context)),
    }),
  }),
});

const UserChanged = builder.objectRef<EventOf<'user'>>('UserChanged');
UserChanged.implement({
  extensions: ownEvent,
  description:
    "The viewer's own profile or blocks changed, or the profile of somebody whom the viewer shares a channel with.",
  fields: (t) => ({
    user: t.field({
      type: User,
      extensions: shareable,
      description: 'The user in the present state.',
      resolve: ({ userId }, _args, { loaders }) => loaders.presentUser(userId),
    }),
  }),
});

const CaughtUp = builder.objectRef<EventOf<'caughtUp'>>('CaughtUp');
CaughtUp.implement({
  extensions: ownEvent,
  description:
    'Everything up to here has been delivered: the client has the complete state. Repeated when nothing else is sent, at least every 25 s, as a sign of life; never within a page.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', extensions: shareable, description: 'Time of the server.' }),
  }),
});

const ResyncRequired = builder.objectRef<EventOf<'resync'>>('ResyncRequired');
ResyncRequired.implement({
  extensions: ownEvent,
  description: 'Drop the cached messages of this channel, load its newest page, and continue.',
  fields: (t) => ({
    channel: t.field({
      type: Channel,
      extensions: shareable,
      description: 'The channel in its present state.',
      resolve: ({ channelId }, _args, { loaders }) => loaders.presentChannel(channelId),
    }),
  }),
});

const types = {
  message: 'MessageChanged',
  channel: 'ChannelChanged',
  membership: 'MembershipChanged',
  match: 'MatchChanged',
  user: 'UserChanged',
  caughtUp: 'CaughtUp',
  resync: 'ResyncRequired',
} as const satisfies Record<ShownEvent['type'], string>;

const UpdateEvent = builder.unionType('UpdateEvent', {
  description: 'Something that changed for the viewer.',
  types: [MessageChanged, ChannelChanged, MembershipChanged, MatchChanged, UserChanged, CaughtUp, ResyncRequired],
  resolveType: ({ type }) => types[type],
});

export const Update = builder.objectRef<ShownUpdate>('Update');
Update.implement({
  description: 'Something that changed for the viewer, and the cursor after it.',
  fields: (t) => ({
    cursor: t.string({
      extensions: shareable,
      description: 'Pass the newest one received as `after` to resume. Opaque.',
      resolve: ({ cursor }) => toText(cursor),
    }),
    event: t.field({
      type: UpdateEvent,
      extensions: shareableAsEvent,
      description: 'The change.',
      resolve: ({ event }) => event,
    }),
  }),
});

const UpdatePage = builder.objectRef<{
  updates: readonly ShownUpdate[];
  cursor: string | UpdateCursor;
  hasMore: boolean;
}>('UpdatePage');
UpdatePage.implement({
  description: 'A page of updates, for clients without a socket.',
  fields: (t) => ({
    updates: t.field({
      type: [Update],
      extensions: listOf(1),
      description: 'The updates. Those of one channel come one after another, its messages in order of `position`.',
      resolve: ({ updates }) => updates,
    }),
    cursor: t.string({ description: 'Pass as the next `after`.', resolve: ({ cursor }) => toText(cursor) }),
    hasMore: t.exposeBoolean('hasMore', { description: 'Whether there are more updates to fetch now.' }),
  }),
});

builder.queryField('updates', (t) =>
  t.field({
    type: UpdatePage,
    nullable: true,
    extensions: costs(20),
    description:
      'Everything that changed for the viewer since a cursor, for clients without a socket, such as a phone that was woken up. Without `after`: an empty page with the present cursor. A channel with too many changes to replay yields ResyncRequired for that channel alone. BAD_USER_INPUT for a cursor that cannot be read; RESYNC_REQUIRED for one that is older than `limits.cursorDays`, of another log or beyond the newest change: load everything again.',
    args: {
      after: t.arg.string({
        extensions: textOf('cursor', { maxBytes: 8_192 }),
        description: 'Newest cursor received. Without it nothing has changed.',
      }),
      first: t.arg.int({ description: 'Number of updates to return: at most 100, 50 by default.' }),
    },
    resolve: (_root, { after, first }, context) => {
      const { userId } = requireViewer(context);
      const { limit } = readPage({ first }, () => null);
      return context.domain.updates.page(userId, after ?? null, limit);
    },
  }),
);

function toText(cursor: string | UpdateCursor): string {
  return typeof cursor === 'string' ? cursor : encodeUpdateCursor(cursor);
}
