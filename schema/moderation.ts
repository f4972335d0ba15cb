import { maxBlocked } from '../api/domain/moderation.ts';
import { User } from './accounts.ts';
import { builder, costs, listOf } from './builder.ts';
import { requireViewer } from './context.ts';
import { readId } from './ids.ts';

builder.objectFields(User, (t) => ({
  blockedUsers: t.field({
    type: [User],
    nullable: true,
    extensions: { ...costs(5), ...listOf(maxBlocked) },
    description: 'Users whom the viewer has blocked, newest block first. Null unless the user is the viewer.',
    resolve: async ({ id }, _args, { viewer, loaders }) =>
      id === viewer?.userId ? ((await loaders.blockedUsers.load(id))?.users ?? null) : null,
  }),
  blockedByViewer: t.boolean({
    description: 'Whether the viewer has blocked this user, and so receives nothing that the user writes.',
    resolve: async ({ id }, _args, { loaders }) => (await loaders.blocked.load(id)) !== null,
  }),
}));

builder.mutationFields((t) => ({
  block: t.field({
    type: User,
    nullable: true,
    description:
      'Blocks a user: their messages are left out, live and in every history, and the two are never matched. Neither can open a direct channel with the other, write in the one that they have, or invite the other: CONFLICT.',
    args: { userId: t.arg.id({ required: true, description: 'Id of the user to block.' }) },
    resolve: (_root, { userId }, context) =>
      context.domain.moderation.block(requireViewer(context), readId('User', userId)),
  }),
  unblock: t.field({
    type: User,
    nullable: true,
    description: "Ends a block: the user's messages appear in the history again.",
    args: { userId: t.arg.id({ required: true, description: 'Id of the user to unblock.' }) },
    resolve: (_root, { userId }, context) =>
      context.domain.moderation.unblock(requireViewer(context), readId('User', userId)),
  }),
}));
