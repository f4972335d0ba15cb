import { User } from './accounts.ts';
import { builder } from './builder.ts';
import { requireViewer } from './context.ts';
import { readId } from './ids.ts';

builder.objectFields(User, (t) => ({
  blockedUsers: t.field({
    type: [User],
    nullable: true,
    description: 'Whom the viewer has blocked, the latest first. Null unless it is the viewer.',
    resolve: ({ id }, _args, { viewer, domain }) => (id === viewer?.userId ? domain.moderation.blockedBy(id) : null),
  }),
  blockedByViewer: t.boolean({
    description: 'The viewer has blocked this user, and gets nothing of what that one writes.',
    resolve: async ({ id }, _args, { loaders }) => (await loaders.blocked.load(id)) !== null,
  }),
}));

builder.mutationFields((t) => ({
  block: t.field({
    type: User,
    nullable: true,
    description:
      'Leaves out what somebody writes, live and in every history, and never matches the two. Nobody else learns of it.',
    args: { userId: t.arg.id({ required: true, description: 'Whom to block.' }) },
    resolve: (_root, { userId }, context) =>
      context.domain.moderation.block(requireViewer(context), readId('User', userId)),
  }),
  unblock: t.field({
    type: User,
    nullable: true,
    description: 'Ends a block: what was left out is in the history again.',
    args: { userId: t.arg.id({ required: true, description: 'Whom to unblock.' }) },
    resolve: (_root, { userId }, context) =>
      context.domain.moderation.unblock(requireViewer(context), readId('User', userId)),
  }),
}));
