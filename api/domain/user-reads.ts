import type { User } from '../../prisma/generated/client.ts';
import { NotFoundError } from '../errors.ts';
import type { UserFacts } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { toUserFacts } from './user-facts.ts';

/** Creates the reads of users. */
export function createUserReads({ prisma }: Pick<Database, 'prisma'>) {
  return {
    /** Returns a user. @throws NotFoundError */
    async byId(id: string): Promise<User> {
      const user = await prisma.user.findUnique({ where: { id } });
      if (user === null) throw new NotFoundError('User not found.');
      return user;
    },

    /** Returns users by their ids, in no order. */
    byIds: (ids: readonly string[]): Promise<User[]> => prisma.user.findMany({ where: { id: { in: [...ids] } } }),

    /** Returns the facts about a user that events carry; null when there is no such user. */
    async facts(userId: string): Promise<UserFacts | null> {
      const user = await prisma.user.findUnique({ where: { id: userId } });
      return user && toUserFacts(user);
    },
  };
}
