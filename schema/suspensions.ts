import { isSuspended } from '../api/domain/suspension-rules.ts';
import { User } from './accounts.ts';
import { builder, costs, textOf } from './builder.ts';
import { type Context, requireViewer } from './context.ts';
import { readId } from './ids.ts';

/** Bounds of the reasons and notes of moderation. */
export const reasonText = textOf('reason', { maxBytes: 4_096 });

builder.objectField(User, 'isSuspended', (t) =>
  t.boolean({
    nullable: true,
    extensions: costs(1),
    description:
      'Whether the user is suspended now: signed out everywhere, and unable to sign in. Null unless the viewer is a moderator of the service.',
    resolve: async ({ id }, _args, context) => {
      if (!(await viewerIsModerator(context))) return null;
      return isSuspended(await context.loaders.presentUser(id), Date.now());
    },
  }),
);

builder.mutationFields((t) => {
  const userId = t.arg.id({ required: true, description: 'Id of the user.' });
  return {
    suspendUser: t.field({
      type: User,
      nullable: true,
      description:
        'Suspends a user: signs them out everywhere, closes their connections on every node with 4403, ends their match, and refuses sign-in with FORBIDDEN. A call for a suspended user replaces the end. For moderators of the service; FORBIDDEN for others, and for a user who is one. BAD_USER_INPUT for the viewer.',
      args: {
        userId,
        until: t.arg({
          type: 'DateTime',
          description: 'Time at which the suspension ends by itself, in the future. It has no end if left out.',
        }),
        reason: t.arg.string({
          required: true,
          extensions: reasonText,
          description: 'Reason, for the audit trail: at most 4,096 bytes of UTF-8. The user does not see it.',
        }),
      },
      resolve: (_root, { userId: id, until, reason }, context) =>
        context.domain.suspensions.suspend(requireViewer(context), readId('User', id), {
          until: until ?? null,
          reason,
        }),
    }),
    reinstateUser: t.field({
      type: User,
      nullable: true,
      description:
        'Ends the suspension of a user, who can sign in again. Without one, nothing changes. For moderators of the service; FORBIDDEN for others.',
      args: { userId },
      resolve: (_root, { userId: id }, context) =>
        context.domain.suspensions.reinstate(requireViewer(context), readId('User', id)),
    }),
  };
});

/** Returns whether the viewer may moderate the service. */
export async function viewerIsModerator({ viewer, loaders }: Context): Promise<boolean> {
  return viewer !== null && ((await loaders.user.load(viewer.userId))?.isModerator ?? false);
}
