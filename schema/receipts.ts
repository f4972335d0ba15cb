import { NotFoundError } from '../api/errors.ts';
import { User } from './accounts.ts';
import { builder, costs } from './builder.ts';
import { Membership } from './channels.ts';
import { requireViewer } from './context.ts';
import { readId } from './ids.ts';
import { Message } from './messages.ts';

builder.objectFields(Membership, (t) => ({
  unreadCount: t.int({
    nullable: true,
    extensions: costs(3),
    description:
      "Number of messages after `seenSeq` that are neither deleted, nor the viewer's own, nor by a blocked author. Users joining and leaving never count. At most 1,000: show that as 1000+. Null on memberships of others.",
    resolve: (membership, _args, { viewer, loaders }) =>
      membership.userId !== viewer?.userId
        ? null
        : membership.state === 'INVITED'
          ? 0
          : loaders.unreadCount.load(membership),
  }),
  firstUnseen: t.field({
    type: Message,
    nullable: true,
    extensions: costs(3),
    description:
      'The first unread message, to scroll to when the channel is opened. Null if there is none, and on memberships of others.',
    resolve: async ({ channelId, userId }, _args, { viewer, loaders }) => {
      const unread = userId === viewer?.userId ? await loaders.unread.load(channelId) : null;
      return unread?.firstId ? loaders.entry.load(unread.firstId) : null;
    },
  }),
}));

builder.objectField(User, 'unreadCount', (t) =>
  t.int({
    nullable: true,
    extensions: costs(50),
    description:
      'Number of unread messages over all channels, for a badge. At most 1,000: show that as 1000+. Null unless the user is the viewer.',
    resolve: async ({ id }, _args, { viewer, loaders }) =>
      id === viewer?.userId ? ((await loaders.unreadInAll.load(id))?.count ?? 0) : null,
  }),
);

builder.mutationField('markSeen', (t) =>
  t.field({
    type: Membership,
    nullable: true,
    description: "Moves the viewer's seen mark forward to `seq`; never back, nor beyond the newest entry.",
    args: {
      channelId: t.arg.id({ required: true, description: 'Id of the channel.' }),
      seq: t.arg.int({ required: true, description: '`seq` of the last message that was seen.' }),
    },
    resolve: async (_root, { channelId, seq }, context) => {
      const viewer = requireViewer(context);
      const id = readId('Channel', channelId);
      await context.domain.receipts.markSeen(viewer, id, seq);
      const [membership] = await context.domain.channels.memberships(
        [{ channelId: id, userId: viewer.userId }],
        viewer.userId,
      );
      if (membership === undefined) throw new NotFoundError('You are no longer a member of this channel.');
      return membership;
    },
  }),
);
