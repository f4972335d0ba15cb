import type { MessageVersion as Version } from '../api/domain/message-versions.ts';
import { isChannelModerator, maxVersions } from '../api/domain/policies.ts';
import type { Entry } from '../api/events.ts';
import { builder, costs, listOf } from './builder.ts';
import type { Context } from './context.ts';
import { Message } from './messages.ts';
import { viewerIsModerator } from './suspensions.ts';

/** Number of versions that a message has for its price: few have more. */
const pricedVersions = 2;

const MessageVersion = builder.objectRef<Version>('MessageVersion');
MessageVersion.implement({
  description: 'An earlier text of a message.',
  fields: (t) => ({
    text: t.exposeString('text', { description: 'The text as it was.' }),
    replacedAt: t.expose('replacedAt', { type: 'DateTime', description: 'Time of the edit that replaced it.' }),
  }),
});

builder.objectField(Message, 'versions', (t) =>
  t.field({
    type: [MessageVersion],
    nullable: true,
    extensions: { ...costs(1), ...listOf(pricedVersions) },
    description: `Earlier texts, oldest first: the newest ${maxVersions}. For the author, and moderators of the channel and of the service; null for others. Empty once the message is deleted.`,
    resolve: async (entry, _args, context) =>
      (await viewerMayRead(entry, context)) ? versionsOf(entry, context) : null,
  }),
);

async function viewerMayRead(entry: Entry, context: Context): Promise<boolean> {
  const { viewer, loaders } = context;
  if (viewer === null || entry.authorId === viewer.userId) return viewer !== null;
  const [channel, member, isModerator] = await Promise.all([
    loaders.channel.load(entry.channelId),
    loaders.membership.load(`${entry.channelId}:${viewer.userId}`),
    viewerIsModerator(context),
  ]);
  return isModerator || isChannelModerator(channel, member);
}

/** Most messages were never edited, and need no look-up. */
async function versionsOf({ id, editedAt, deletedAt }: Entry, { loaders }: Context): Promise<Version[]> {
  if (editedAt === null || deletedAt !== null) return [];
  return (await loaders.versions.load(id))?.versions ?? [];
}
