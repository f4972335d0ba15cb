import type { User } from '../../prisma/generated/client.ts';
import { NotFoundError } from '../errors.ts';
import type { UserFacts } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, nullable, text, uuid } from '../infra/database/types.ts';
import { normaliseName } from './account-input.ts';
import { declarePages, type Page, type PageRequest, toPage } from './pages.ts';
import { storable } from './text.ts';
import { toUserFacts } from './user-facts.ts';

/** Key of a user in the order of a search: by name in any case, then id. */
export interface NameKey {
  name: string;
  id: string;
}

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

    /** Reads a page of the users whose name begins with a prefix, in any case, in order of name. */
    async search(prefix: string, request: PageRequest<NameKey>, reader: string): Promise<Page<User>> {
      const { limit, after, before } = request;
      const rows = await read(reader, selectByName(request), {
        prefix: likePrefix(prefix),
        afterName: after?.name ?? null,
        afterId: after?.id ?? null,
        beforeName: before?.name ?? null,
        beforeId: before?.id ?? null,
        limit: limit + 1,
      });
      return toPage(rows, request);
    },
  };
}

function likePrefix(prefix: string): string {
  const clean = normaliseName(storable(prefix));
  return `${clean.replace(/[\\%_]/g, '\\$&')}%`;
}

const user = columns(tables.user, 'u');
/** Reads users by their ids, in no order. */
const selectUsers = statement({
  sql: `SELECT ${user.list} FROM users u WHERE u.id = ANY($ids)`,
  parameters: { ids: arrayOf(uuid) },
  row: user.row,
});

/** The same expression as in the index by name, which then serves the prefix, the order and the page. */
const folded = 'lower(u.name) COLLATE "C"';

const selectByName = declarePages((backward) => {
  const direction = backward ? 'DESC' : 'ASC';
  return statement({
    sql: `
      SELECT ${user.list} FROM users u
      WHERE ${folded} LIKE lower($prefix) AND ($afterName IS NULL OR (${folded}, u.id) > (lower($afterName), $afterId))
        AND ($beforeName IS NULL OR (${folded}, u.id) < (lower($beforeName), $beforeId))
      ORDER BY ${folded} ${direction}, u.id ${direction} LIMIT $limit`,
    parameters: {
      prefix: text,
      afterName: nullable(text),
      afterId: nullable(uuid),
      beforeName: nullable(text),
      beforeId: nullable(uuid),
      limit: int4,
    },
    row: user.row,
  });
});
