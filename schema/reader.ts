import type { ReaderFacts } from '../api/domain/access.ts';
import { readableStart } from '../api/domain/policies.ts';
import type { Context } from './context.ts';

/** Returns the facts about the reader of an operation's results that access rules depend on, batched by the loaders. */
export function readerOf({ viewer, memberOf, loaders }: Context): ReaderFacts {
  const userId = viewer?.userId ?? null;
  const memberIn = async (channelId: string) =>
    userId === null ? null : loaders.membership.load(`${channelId}:${userId}`);
  const stateIn = async (channelId: string) => (await memberIn(channelId))?.state ?? null;
  return {
    userId,
    mayRead: async (channelId) =>
      memberOf === channelId ||
      (await stateIn(channelId)) === 'ACTIVE' ||
      // A match that the reader left, and a direct channel that asks, have a peer; rooms, and channels of others, have none.
      (userId !== null && (await loaders.peer.load(channelId)) !== null),
    isInvited: async (channelId) => (await stateIn(channelId)) === 'INVITED',
    // A result that is made for all members hides quoted messages from some of them: see `QuoteMark`.
    readableFrom: async (channelId) => (memberOf === channelId ? 0 : readableStart(await memberIn(channelId)).seq),
    hasBlocked: async (authorId) => userId !== null && (await loaders.blocked.load(authorId)) !== null,
  };
}
