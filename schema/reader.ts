import type { ReaderFacts } from '../api/domain/access.ts';
import type { Context } from './context.ts';

/** Returns the facts about the reader of an operation's results that access rules depend on, batched by the loaders. */
export function readerOf({ viewer, memberOf, loaders }: Context): ReaderFacts {
  const userId = viewer?.userId ?? null;
  return {
    userId,
    mayRead: async (channelId) =>
      memberOf === channelId ||
      (userId !== null &&
        ((await loaders.membership.load(`${channelId}:${userId}`)) !== null ||
          // A match that the reader left still has a peer; rooms, and channels of others, have none.
          (await loaders.peer.load(channelId)) !== null)),
    hasBlocked: async (authorId) => userId !== null && (await loaders.blocked.load(authorId)) !== null,
  };
}
