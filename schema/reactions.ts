import type { GraphQLResolveInfo } from 'graphql';
import { BadUserInputError } from '../api/errors.ts';
import { type Entry, type ReactionSummary, summaryUsers } from '../api/events.ts';
import { User } from './accounts.ts';
import { builder, listOf, shareable, shareableOfEvent, shareablePartOfEvent, textOf } from './builder.ts';
import { type Context, requireViewer } from './context.ts';
import { readId } from './ids.ts';
import { Message } from './messages.ts';
import { readerOf } from './reader.ts';

/** Reactions to a message with one emoji. */
interface ShownReaction {
  entry: Entry;
  reaction: ReactionSummary;
}

/** Number of kinds of reactions that a message has for its price: few have more. */
const pricedKinds = 6;
/** Number of users of a reaction that are returned unless asked. */
const defaultUsers = 10;

const Reaction = builder.objectRef<ShownReaction>('Reaction');
Reaction.implement({
  description: 'The reactions to a message with one emoji.',
  fields: (t) => ({
    emoji: t.string({
      extensions: shareable,
      description: 'The emoji, fully qualified: `❤️` also where somebody sent `❤`.',
      resolve: ({ reaction }) => reaction.emoji,
    }),
    count: t.int({
      extensions: shareable,
      description: 'Number of users who reacted with it.',
      resolve: ({ reaction }) => reaction.count,
    }),
    users: t.field({
      type: [User],
      extensions: { ...shareableOfEvent },
      description: `The first users who reacted with it, at most ${summaryUsers}, without users that the viewer has blocked.`,
      args: {
        first: t.arg.int({
          defaultValue: defaultUsers,
          description: `Number of users to return: 0 to ${summaryUsers}.`,
        }),
      },
      resolve: ({ reaction }, args, context) => {
        const first = args.first ?? defaultUsers;
        if (first < 0 || first > summaryUsers)
          throw new BadUserInputError([{ path: 'first', message: `must be 0 to ${summaryUsers}` }]);
        return firstUsers(reaction.userIds, first, context);
      },
    }),
    viewerReacted: t.boolean({
      extensions: shareableOfEvent,
      description: 'Whether the viewer is one of them.',
      resolve: hasReacted,
    }),
  }),
});

builder.objectField(Message, 'reactions', (t) =>
  t.field({
    type: [Reaction],
    extensions: { ...shareablePartOfEvent, ...listOf(pricedKinds) },
    description:
      'Reactions by emoji, in the order in which the emoji came: at most `limits.reactions`. Empty once the message is deleted.',
    // Bridges of older versions publish entries without this property.
    resolve: (entry) => (entry.reactions ?? []).map((reaction) => ({ entry, reaction })),
  }),
);

builder.mutationFields((t) => {
  const args = {
    messageId: t.arg.id({ required: true, description: 'Id of the message.' }),
    emoji: t.arg.string({
      required: true,
      extensions: textOf('emoji', { maxBytes: 128 }),
      description: 'One emoji, in any form that keyboards send: it is brought into its fully-qualified form.',
    }),
  };
  return {
    addReaction: t.field({
      type: Message,
      nullable: true,
      description:
        'Reacts to a message with an emoji. A repeated call is harmless. CONFLICT if the message is deleted, its channel is closed, or it has `limits.reactions` kinds of reactions and the emoji is none of them.',
      args,
      resolve: (_root, { messageId, emoji }, context) =>
        context.domain.reactions.add(requireViewer(context), readId('Message', messageId), emoji),
    }),
    removeReaction: t.field({
      type: Message,
      nullable: true,
      description: "Takes back the viewer's reaction with an emoji. A repeated call is harmless.",
      args,
      resolve: (_root, { messageId, emoji }, context) =>
        context.domain.reactions.remove(requireViewer(context), readId('Message', messageId), emoji),
    }),
  };
});

/** Without a promise where the result has no viewer: most executions of live delivery wait for nothing else. */
function firstUsers(userIds: readonly string[], first: number, context: Context) {
  const { domain, loaders } = context;
  const load = (id: string) => domain.accounts.cachedAuthor(id) ?? loaders.author(id);
  if (context.viewer === null) return userIds.slice(0, first).map(load);
  return unblocked(userIds, context).then((ids) => Promise.all(ids.slice(0, first).map(load)));
}

async function unblocked(userIds: readonly string[], context: Context): Promise<readonly string[]> {
  const { hasBlocked } = readerOf(context);
  const blocked = await Promise.all(userIds.map(hasBlocked));
  return userIds.filter((_, n) => blocked[n] !== true);
}

/** Where the result is made for many viewers, the value is filled in for each of them afterwards. */
function hasReacted(
  { entry, reaction }: ShownReaction,
  _args: object,
  { marks, viewer, loaders }: Context,
  { path }: GraphQLResolveInfo,
): boolean | Promise<boolean> {
  if (marks) {
    marks.push({ path, entry, reaction });
    return false;
  }
  const { userIds, count, emoji } = reaction;
  if (viewer === null) return false;
  if (userIds.includes(viewer.userId) || userIds.length === count) return userIds.includes(viewer.userId);
  return loaders.reacted.load(entry.id, emoji);
}
