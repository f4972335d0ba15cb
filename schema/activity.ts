import type { ActivityEvent } from '../api/domain/activity/activity-event.ts';
import { User } from './accounts.ts';
import { builder, costs, shareable } from './builder.ts';
import { Membership } from './channels.ts';
import { requireViewer } from './context.ts';
import { readId } from './ids.ts';

type EventOf<Type extends ActivityEvent['type']> = Extract<ActivityEvent, { type: Type }>;

const Typing = builder.objectRef<EventOf<'typing'>>('Typing');
Typing.implement({
  description: 'A member types, or has ceased to.',
  fields: (t) => ({
    user: t.field({
      type: User,
      extensions: shareable,
      description: 'The member. Never the viewer.',
      resolve: ({ userId }, _args, { loaders }) => loaders.presentUser(userId),
    }),
    active: t.exposeBoolean('isActive', {
      extensions: shareable,
      description:
        'False once the member has sent a message, has stopped, or has not repeated `typing` for some seconds.',
    }),
  }),
});

const Presence = builder.objectRef<EventOf<'presence'>>('Presence');
Presence.implement({
  description: 'A member came online or went offline, or joined or left the channel while online.',
  fields: (t) => ({
    user: t.field({
      type: User,
      extensions: shareable,
      description: 'The member.',
      resolve: ({ userId }, _args, { loaders }) => loaders.presentUser(userId),
    }),
    online: t.exposeBoolean('isOnline', {
      extensions: shareable,
      description: 'Whether the user is a member with a live connection.',
    }),
  }),
});

const Receipt = builder.objectRef<EventOf<'receipt'>>('Receipt');
Receipt.implement({
  description: 'Another member has seen more. Left out in large channels.',
  fields: (t) => ({
    membership: t.field({
      type: Membership,
      extensions: shareable,
      description: "The member's membership, with the new `seenSeq`. Fields that are the member's own affair are null.",
      resolve: ({ membership }) => membership,
    }),
  }),
});

const types = {
  typing: 'Typing',
  presence: 'Presence',
  receipt: 'Receipt',
} as const satisfies Record<ActivityEvent['type'], string>;

const Activity = builder.unionType('Activity', {
  description: 'Something transient in a channel. Nothing of it is stored.',
  types: [Typing, Presence, Receipt],
  resolveType: ({ type }) => types[type],
});

builder.mutationField('typing', (t) =>
  t.boolean({
    nullable: true,
    extensions: costs(1),
    description:
      'Tells the followers of `activity` that the viewer types. It ends by itself after a few seconds unless repeated, and when the viewer sends a message; `active: false` ends it at once. True if it succeeded. NOT_FOUND, FORBIDDEN or CONFLICT if the viewer may not send there.',
    args: {
      channelId: t.arg.id({ required: true, description: 'Id of the channel.' }),
      active: t.arg.boolean({ defaultValue: true, description: 'False if the viewer has ceased to type.' }),
    },
    resolve: async (_root, { channelId, active }, context) => {
      await context.domain.activity.typing(requireViewer(context), readId('Channel', channelId), active ?? true);
      return true;
    },
  }),
);

builder.subscriptionField('activity', (t) =>
  t.field({
    type: Activity,
    description:
      "The members who type, come and go, and how far each has seen: first the present typers and at most 100 of the members online, then changes. Of many changes at the same time a part is sent each half second, in the newest state. The viewer's own typing and receipts are left out, and all signals of users whom the viewer has blocked. Nothing is replayed after a reconnect. Presence is told of the 1,000 members of longest standing. Ends with an error FORBIDDEN when the viewer is no longer a member.",
    args: { channelId: t.arg.id({ required: true, description: 'Id of the channel.' }) },
    subscribe: (_root, { channelId }, context) =>
      context.domain.activity.follow(requireViewer(context), readId('Channel', channelId)),
    resolve: (event) => event,
  }),
);
