import type { User } from '../../prisma/generated/client.ts';
import { BadUserInputError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, fieldsWithout } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { int4, nullable, text, uuid } from '../infra/database/types.ts';
import { systemUser } from '../system-user.ts';
import { comparisonKey } from '../text/comparison-key.ts';
import { readText } from '../text/text-kinds.ts';
import type { Viewer } from './auth.ts';
import { declarePages, highestId, lowestId, type Page, type PageRequest, toPage } from './pages.ts';
import { type RateLimits, rates } from './rate-limits.ts';
import type { UserCache } from './user-cache.ts';

/** Key of a user in the order of a search: by the key of the name, then id. */
export interface NameKey {
  name: string;
  id: string;
}

/** Minimum number of letters and digits in a search: fewer would list a large part of all users. */
const minLetters = 2;
/** Maximum number of users per page of a registered viewer. */
const maxFound = 50;
/** Maximum number of users that a guest finds with one search: guests get the first page only. */
const maxFoundByGuest = 10;

/** Creates the search for users by name, which is bounded so that nobody can collect the names of all users. */
export function createUserSearch(options: {
  database: Pick<Database, 'read'>;
  userCache: Pick<UserCache, 'isGuest'>;
  rateLimits: RateLimits;
}) {
  const { database, userCache, rateLimits } = options;
  const searches = rateLimits.shared('search', rates.userSearches);
  const searchesOfGuest = rateLimits.shared('search-guest', rates.userSearchesOfGuest);
  const searchesOfDay = rateLimits.shared('search-day', rates.userSearchesOfDay);

  return {
    /**
     * Reads a page of the users whose name begins with a prefix, compared by its key, in order of the key. Users who have blocked the
     * viewer, or whom the viewer has blocked, are left out. A page has at most 50 users, and 10 for guests, who get no
     * further pages.
     * @throws BadUserInputError for fewer than two letters or digits, or for a further page of a guest; RateLimitedError
     */
    async search({ userId }: Viewer, search: string, request: PageRequest<NameKey>): Promise<Page<User>> {
      const prefix = toPrefix(search);
      const isGuest = await userCache.isGuest(userId);
      if (isGuest) requireFirstPage(request);
      await (isGuest ? searchesOfGuest : searches).take(userId);
      await searchesOfDay.take(userId);
      return read(userId, prefix, { ...request, limit: Math.min(request.limit, isGuest ? maxFoundByGuest : maxFound) });
    },
  };

  async function read(viewerId: string, prefix: string, request: PageRequest<NameKey>): Promise<Page<User>> {
    const { limit, after, before } = request;
    const rows = await database.read(viewerId, selectByName(request), {
      viewerId,
      prefix,
      afterName: after?.name ?? null,
      afterKey: after && comparisonKey(after.name),
      afterId: after?.id ?? null,
      beforeName: before?.name ?? null,
      beforeKey: before && comparisonKey(before.name),
      beforeId: before?.id ?? null,
      limit: limit + 1,
    });
    return toPage(rows, request);
  }
}

function toPrefix(search: string): string {
  const { value: prefix } = readText('searchTerm', search, 'search');
  if ((prefix.match(/[\p{L}\p{N}]/gu)?.length ?? 0) >= minLetters) return prefix;
  throw new BadUserInputError([{ path: 'search', message: `must have at least ${minLetters} letters or digits` }]);
}

function requireFirstPage({ backward, after, before }: PageRequest<NameKey>): void {
  if (!backward && after === null && before === null) return;
  const path = after === null ? (before === null ? 'last' : 'before') : 'after';
  const message = 'is for registered users only. Search for more letters of the name, or register';
  throw new BadUserInputError([{ path, message }]);
}

const user = columns(tables.user, 'u', fieldsWithout(tables.user, ['changedAt']));
/** The same expression as in the index by key, which then serves the prefix, the order and the page. */
const key = 'coalesce(u.name_key, lower(u.name)) COLLATE "C"';

/**
 * The key of a cursor's user, in SQL, while the name is the same: a page goes on where the row is, also before its key is
 * computed.
 */
const keyOf = (cursor: 'after' | 'before') =>
  `(SELECT ${key} FROM users u WHERE u.id = $${cursor}Id AND u.name = $${cursor}Name)`;

/** The highest character, in SQL: a range finds a prefix in the index in every plan, which a pattern does in some only. */
const highest = 'chr(1114111)';

export const selectByName = declarePages((backward) => {
  const direction = backward ? 'DESC' : 'ASC';
  return statement({
    sql: `
      SELECT ${user.list} FROM users u
      WHERE u.id <> '${systemUser.id}' AND ${key} >= $prefix AND ${key} < $prefix || ${highest}
        AND (${key}, u.id) > (coalesce(${keyOf('after')}, $afterKey, ''), coalesce($afterId, ${lowestId}))
        AND (${key}, u.id) < (coalesce(${keyOf('before')}, $beforeKey, ${highest}), coalesce($beforeId, ${highestId}))
        AND NOT EXISTS (
          SELECT FROM block b WHERE (b.blocker_id = $viewerId AND b.blocked_id = u.id)
            OR (b.blocker_id = u.id AND b.blocked_id = $viewerId))
      ORDER BY ${key} ${direction}, u.id ${direction} LIMIT $limit`,
    parameters: {
      viewerId: uuid,
      prefix: text,
      afterName: nullable(text),
      afterKey: nullable(text),
      afterId: nullable(uuid),
      beforeName: nullable(text),
      beforeKey: nullable(text),
      beforeId: nullable(uuid),
      limit: int4,
    },
    row: user.row,
  });
});
