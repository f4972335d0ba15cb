import { batched } from '../batched.ts';
import { BadUserInputError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import { selectMentionFacts } from '../infra/database/mentions.ts';
import { type Access, throwRefusal } from './access.ts';
import { judgeMention } from './policies.ts';

/** Maximum number of users whom one message mentions. */
export const maxMentions = 20;

type Triple = readonly [channelId: string, authorId: string, userId: string];

/** Creates the check of mentions that comes before a send or an edit. Checks made at the same moment share one statement. */
export function createMentionChecks(options: { database: Pick<Database, 'query'>; access: Pick<Access, 'judge'> }) {
  const read = batched(async (triples: readonly Triple[]) =>
    options.database.query(selectMentionFacts, {
      channelIds: triples.map(([channelId]) => channelId),
      authorIds: triples.map(([, authorId]) => authorId),
      userIds: triples.map(([, , userId]) => userId),
    }),
  );

  /**
   * Returns the users whom a message mentions, each once.
   * @throws BadUserInputError for too many, or for a user outside the channel; ConflictError for a user that the author has blocked
   */
  return async (channelId: string, authorId: string, ids: readonly string[], path: string): Promise<string[]> => {
    const userIds = [...new Set(ids)];
    if (userIds.length > maxMentions)
      throw new BadUserInputError([{ path, message: `must name at most ${maxMentions} users` }]);
    await options.access.judge(channelId, async () => {
      const facts = await Promise.all(userIds.map((userId) => read([channelId, authorId, userId])));
      const stranger = facts.findIndex(({ isMember }) => !isMember);
      if (stranger >= 0) throw noMember(path, ids.indexOf(userIds[stranger] ?? ''));
      for (const one of facts) {
        const judged = judgeMention(one);
        if (typeof judged !== 'string') throwRefusal(judged);
      }
    });
    return userIds;
  };
}

export type MentionChecks = ReturnType<typeof createMentionChecks>;

function noMember(path: string, index: number): BadUserInputError {
  return new BadUserInputError([{ path: `${path}.${index}`, message: 'must name a member of the channel' }]);
}
