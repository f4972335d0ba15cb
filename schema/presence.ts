import { canReadChannel } from '../api/domain/access.ts';
import { maxListed, type OnlineMembers } from '../api/domain/online-members.ts';
import { User } from './accounts.ts';
import { builder, costs, listOf, shareable } from './builder.ts';
import { Channel } from './channels.ts';
import type { Context } from './context.ts';
import { readerOf } from './reader.ts';

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
    extensions: { ...costs(20), ...listOf(maxListed) },
    description:
      'Members with a live connection, at most 100, among the 1,000 of longest standing. Some seconds old at most. Null if the viewer is not a member.',
    resolve: async ({ id }, _args, context) => {
      const found = await onlineMembers(context, id);
      return found && Promise.all(found.firstIds().map((userId) => context.loaders.presentUser(userId)));
    },
  }),
  onlineCount: t.int({
    nullable: true,
    extensions: costs(10),
    description:
      'Number of members with a live connection, among the 1,000 of longest standing. Some seconds old at most. Null if the viewer is not a member.',
    resolve: async ({ id }, _args, context) => (await onlineMembers(context, id))?.count ?? null,
  }),
}));

async function onlineMembers(context: Context, channelId: string): Promise<OnlineMembers | null> {
  return (await canReadChannel(readerOf(context), channelId)) ? context.loaders.onlineMembers.load(channelId) : null;
}
