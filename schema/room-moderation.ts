import { maxDeleteHours } from '../api/domain/room-moderation.ts';
import { builder } from './builder.ts';
import { Channel, Membership } from './channels.ts';
import { requireViewer } from './context.ts';
import { readId } from './ids.ts';
import { MemberRole } from './room-rules.ts';

builder.objectField(Membership, 'mutedUntil', (t) =>
  t.field({
    type: 'DateTime',
    nullable: true,
    description: 'The member can read but not write until then. Null unless the member is muted.',
    resolve: ({ mutedUntil }) =>
      mutedUntil !== null && new Date(mutedUntil) > new Date() ? new Date(mutedUntil) : null,
  }),
);

builder.mutationFields((t) => {
  const channelId = t.arg.id({ required: true, description: 'Id of the room.' });
  const userId = t.arg.id({ required: true, description: 'Id of the user. Own id: BAD_USER_INPUT.' });
  const refused =
    'FORBIDDEN without the capability, or if the role of the member is not lower than the role of the viewer.';
  return {
    kick: t.field({
      type: Channel,
      nullable: true,
      description: `Removes a member from a room; the user may join again. ${refused}`,
      args: { channelId, userId },
      resolve: (_root, args, context) => context.domain.roomModeration.kick(requireViewer(context), ...idsOf(args)),
    }),
    ban: t.field({
      type: Channel,
      nullable: true,
      description: `Removes a user from a room for good: until the ban ends, the user can neither join nor be invited. ${refused}`,
      args: {
        channelId,
        userId,
        deleteHours: t.arg.int({
          defaultValue: 0,
          description: `Also deletes the messages that the user sent in the room in the last hours, 0 to ${maxDeleteHours}. Many of them may take a few minutes.`,
        }),
      },
      resolve: (_root, { deleteHours, ...args }, context) =>
        context.domain.roomModeration.ban(requireViewer(context), ...idsOf(args), deleteHours ?? 0),
    }),
    unban: t.field({
      type: Channel,
      nullable: true,
      description: `Ends a ban: the user can join and be invited again. ${refused}`,
      args: { channelId, userId },
      resolve: (_root, args, context) => context.domain.roomModeration.unban(requireViewer(context), ...idsOf(args)),
    }),
    mute: t.field({
      type: Membership,
      nullable: true,
      description: `Keeps a member from writing; the member can still read. ${refused}`,
      args: {
        channelId,
        userId,
        until: t.arg({
          type: 'DateTime',
          description: 'Time at which the mute ends, at most ten years from now. Null ends it now.',
        }),
      },
      resolve: (_root, { until, ...args }, context) =>
        context.domain.roomModeration.mute(requireViewer(context), ...idsOf(args), until ?? null),
    }),
    setRole: t.field({
      type: Membership,
      nullable: true,
      description:
        'Changes the role of a member. OWNER hands the room over, and makes the viewer a moderator. FORBIDDEN unless the viewer is the owner.',
      args: { channelId, userId, role: t.arg({ type: MemberRole, required: true, description: 'The new role.' }) },
      resolve: (_root, { role, ...args }, context) =>
        context.domain.roomModeration.setRole(requireViewer(context), ...idsOf(args), role),
    }),
  };
});

function idsOf(args: { channelId: string | number; userId: string | number }): [channelId: string, userId: string] {
  return [readId('Channel', String(args.channelId)), readId('User', String(args.userId))];
}
