import { canReadChannel } from '../api/domain/access.ts';
import { User } from './accounts.ts';
import { builder, costs, listOf, shareable } from './builder.ts';
import { Channel } from './channels.ts';
import type { Context } from './context.ts';
import { readerOf } from './reader.ts';

/** Maximum number of members in `Channel.online`. */
const maxOnline = 100;

builder.objectField(User, 'online', (t) =>
  t.boolean({
    extensions: shareable,
    description: 'Whether at least one connection of the user is live, on any node.',
    resolve: async ({ id }, _args, { loaders }) => (await loaders.online.load(id)) !== null,
  }),
);

builder.objectFields(Channel, (t) => ({
  online: t.field({
    type: [User],
    nullable: true,
    extensions: { ...costs(20), ...listOf(maxOnline) },
    description: 'Members with a live connection, at most 100. Null if the viewer is not a member.',
    resolve: async ({ id }, _args, context) => {
      const userIds = await onlineMembers(context, id);
      return userIds && Promise.all(userIds.slice(0, maxOnline).map((id) => context.loaders.presentUser(id)));
    },
  }),
  onlineCount: t.int({
    nullable: true,
    extensions: costs(10),
    description:
      'Number of members with a live connection, among the 1,000 of longest standing. Null if the viewer is not a member.',
    resolve: async ({ id }, _args, context) => (await onlineMembers(context, id))?.length ?? null,
  }),
}));

async function onlineMembers(context: Context, channelId: string): Promise<string[] | null> {
  if (!(await canReadChannel(readerOf(context), channelId))) return null;
  const userIds = (await context.loaders.memberIds.load(channelId))?.userIds ?? [];
  const online = await context.loaders.online.loadMany(userIds);
  return userIds.filter((_, n) => typeof online[n] === 'string');
}
