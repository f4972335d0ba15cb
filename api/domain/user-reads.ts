import type { User } from '../../prisma/generated/client.ts';
import { NotFoundError } from '../errors.ts';
import type { UserFacts } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, fieldsWithout } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, uuid } from '../infra/database/types.ts';
import { toUserFacts } from './user-facts.ts';

/** Creates the reads of users. `reader` is the id of the user who waits for it. */
export function createUserReads({ prisma, read }: Pick<Database, 'prisma' | 'read'>) {
  return {
    /** Returns a user. @throws NotFoundError */
    async byId(id: string): Promise<User> {
      const user = await prisma.user.findUnique({ where: { id } });
      if (user === null) throw new NotFoundError('User not found.');
      return user;
    },

    /** Returns users by their ids, in no order. */
    byIds: (ids: readonly string[], reader: string): Promise<User[]> => read(reader, selectUsers, { ids }),

    /** Returns the facts about a user that events carry; null when there is no such user. */
    async facts(userId: string): Promise<UserFacts | null> {
      const user = await prisma.user.findUnique({ where: { id: userId } });
      return user && toUserFacts(user);
    },
  };
}

/** Reads of users, made by `createUserReads`. */
export type UserReads = ReturnType<typeof createUserReads>;

const user = columns(tables.user, 'u', fieldsWithout(tables.user, ['changedAt']));
/** Reads users by their ids, in no order. */
const selectUsers = statement({
  sql: `SELECT ${user.list} FROM users u WHERE u.id = ANY($ids)`,
  parameters: { ids: arrayOf(uuid) },
  row: user.row,
});
