import type { NotifyLevel as NotifyLevelValue } from '../api/domain/preferences.ts';
import { builder } from './builder.ts';
import { Membership } from './channels.ts';
import { requireViewer } from './context.ts';
import { readId } from './ids.ts';
import { ownMembership } from './receipts.ts';

const NotifyLevel = builder.enumType('NotifyLevel', {
  description: 'Messages of a channel that should alert the viewer.',
  values: {
    ALL: { description: 'Every message.' },
    MENTIONS: { description: 'Messages that mention the viewer.' },
    NOTHING: { description: 'None: the channel is muted.' },
  } satisfies Record<NotifyLevelValue, object>,
});

builder.objectFields(Membership, (t) => ({
  notify: t.field({
    type: NotifyLevel,
    nullable: true,
    description: 'Messages that should alert the viewer. Null on memberships of others.',
    resolve: ({ userId, notify }, _args, { viewer }) => (userId === viewer?.userId ? notify : null),
  }),
  pinned: t.boolean({
    nullable: true,
    description: "Whether the channel is kept at the top of the viewer's list. Null on memberships of others.",
    resolve: ({ userId, pinned }, _args, { viewer }) => (userId === viewer?.userId ? pinned : null),
  }),
  archived: t.boolean({
    nullable: true,
    description:
      "Whether the channel is left out of the viewer's list. It comes back with the next message. Null on memberships of others.",
    resolve: ({ userId, archived }, _args, { viewer }) => (userId === viewer?.userId ? archived : null),
  }),
}));

const MembershipInput = builder.inputType('MembershipInput', {
  description: 'The preferences to change; those left out or null stay as they are.',
  fields: (t) => ({
    notify: t.field({ type: NotifyLevel, description: 'Messages that should alert the viewer.' }),
    pinned: t.boolean({ description: "Whether to keep the channel at the top of the viewer's list." }),
    archived: t.boolean({
      description: "Whether to leave the channel out of the viewer's list until the next message.",
    }),
  }),
});

builder.mutationField('updateMembership', (t) =>
  t.field({
    type: Membership,
    nullable: true,
    description:
      "Changes the viewer's own preferences for one channel, of which other users do not learn. They end with the membership. BAD_USER_INPUT if there is nothing to change.",
    args: {
      channelId: t.arg.id({ required: true, description: 'Id of the channel.' }),
      input: t.arg({ type: MembershipInput, required: true, description: 'The preferences to change.' }),
    },
    resolve: async (_root, { channelId, input: { notify, pinned, archived } }, context) => {
      const input = { notify: notify ?? null, pinned: pinned ?? null, archived: archived ?? null };
      await context.domain.preferences.change(requireViewer(context), readId('Channel', channelId), input);
      return ownMembership(context, channelId);
    },
  }),
);
