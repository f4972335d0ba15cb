import type { Membership as MembershipRow } from '../api/domain/channel-reads.ts';
import { NotFoundError } from '../api/errors.ts';
import { User } from './accounts.ts';
import { builder, costs } from './builder.ts';
import { Membership } from './channels.ts';
import { type Context, requireViewer } from './context.ts';
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
  mentionCount: t.int({
    nullable: true,
    extensions: costs(2),
    description:
      'Number of unread messages that mention the viewer, alone or with every member. At most 1,000. Null on memberships of others.',
    resolve: async ({ channelId, userId }, _args, { viewer, loaders }) =>
      userId === viewer?.userId ? ((await loaders.mentions.load(channelId))?.count ?? 0) : null,
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
      'Number of unread messages over all channels, for a badge; without archived channels and those whose `notify` is NOTHING, and only messages that mention the viewer where it is MENTIONS. At most 1,000: show that as 1000+. Null unless the user is the viewer.',
    resolve: async ({ id }, _args, { viewer, loaders }) =>
      id === viewer?.userId ? ((await loaders.unreadInAll.load(id))?.count ?? 0) : null,
  }),
);

builder.mutationFields((t) => {
  const channelId = t.arg.id({ required: true, description: 'Id of the channel.' });
  return {
    markSeen: t.field({
      type: Membership,
      nullable: true,
      description:
        "Moves the viewer's seen mark forward to `seq`; never back, nor beyond the newest entry. NOT_FOUND for a message that the viewer may not read.",
      args: { channelId, seq: t.arg.int({ required: true, description: '`seq` of the last message that was seen.' }) },
      resolve: async (_root, { channelId: id, seq }, context) => {
        await context.domain.receipts.markSeen(requireViewer(context), readId('Channel', id), seq);
        return ownMembership(context, id);
      },
    }),
    markUnread: t.field({
      type: Membership,
      nullable: true,
      description:
        "Moves the viewer's seen mark back, so that the message with this `seq` and all later ones are unread again; never forward. Messages from before the viewer joined can be unread, too, if the viewer may read them; NOT_FOUND for others.",
      args: { channelId, seq: t.arg.int({ required: true, description: '`seq` of the first message to be unread.' }) },
      resolve: async (_root, { channelId: id, seq }, context) => {
        await context.domain.receipts.markUnread(requireViewer(context), readId('Channel', id), seq);
        return ownMembership(context, id);
      },
    }),
  };
});

/** Returns the viewer's membership after a change of its own record. @throws NotFoundError if it has ended meanwhile */
export async function ownMembership(context: Context, channelId: string): Promise<MembershipRow> {
  const { userId } = requireViewer(context);
  const pair = { channelId: readId('Channel', channelId), userId };
  const [membership] = await context.domain.channels.memberships([pair], userId);
  if (membership === undefined) throw new NotFoundError('You are no longer a member of this channel.');
  return membership;
}
