import type { User } from '../../prisma/generated/client.ts';
import { NotFoundError } from '../errors.ts';
import type { UserFacts } from '../events.ts';
import type { Database } from '../infra/database/database.ts';
import { normaliseName } from './account-input.ts';
import { type Page, type PageRequest, toPage } from './pages.ts';
import { storable } from './text.ts';
import { toUserFacts } from './user-facts.ts';

/** Key of a user in the order of a search: by name in any case, then id. */
export interface NameKey {
  name: string;
  id: string;
}

/** The same expression as in the index by name, which then serves the prefix, the order and the page. */
const folded = 'lower(name) COLLATE "C"';

/** Creates the reads of users. */
export function createUserReads({ prisma, query }: Database) {
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

    /** Reads a page of the users whose name begins with a prefix, in any case, in order of name. */
    async search(prefix: string, request: PageRequest<NameKey>): Promise<Page<User>> {
      const { limit: size, backward, after, before } = request;
      const direction = backward ? 'DESC' : 'ASC';
      const rows = await query<User>(
        `SELECT id, name, email, password_hash AS "passwordHash", is_moderator AS "isModerator", created_at AS "createdAt",
           last_seen_at AS "lastSeenAt", avatar_id AS "avatarId" FROM users
         WHERE ${folded} LIKE lower($1) AND ($2::text IS NULL OR (${folded}, id) > (lower($2), $3::uuid))
           AND ($4::text IS NULL OR (${folded}, id) < (lower($4), $5::uuid))
         ORDER BY ${folded} ${direction}, id ${direction} LIMIT ${size + 1}`,
        [likePrefix(prefix), after?.name ?? null, after?.id ?? null, before?.name ?? null, before?.id ?? null],
      );
      return toPage(rows, request);
    },
  };
}

function likePrefix(prefix: string): string {
  const clean = normaliseName(storable(prefix));
  return `${clean.replace(/[\\%_]/g, '\\$&')}%`;
}
