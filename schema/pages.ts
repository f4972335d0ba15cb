import type { Page, PageRequest } from '../api/domain/pages.ts';
import { BadUserInputError, type FieldProblem } from '../api/errors.ts';
import { decodeCursor, encodeCursor } from './cursors.ts';

/** Maximum number of nodes per page. */
export const maxPageSize = 100;
/** Number of nodes per page when neither `first` nor `last` is given. */
export const defaultPageSize = 50;

/** The arguments that every connection has. */
export interface ConnectionArguments {
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}

/**
 * Reads the four arguments of a connection, as the GraphQL Cursor Connections Specification names them.
 * @param parseKey returns the key in a cursor's text, or null if it is not a cursor of this connection
 * @param backwardByDefault without any argument the last page is read instead of the first
 * @throws BadUserInputError for sizes out of bounds, for `first` together with `last`, and for cursors of another connection
 */
export function readPage<Key>(
  { first, after, last, before }: ConnectionArguments,
  parseKey: (cursor: string) => Key | null,
  backwardByDefault = false,
): PageRequest<Key> {
  const problems: FieldProblem[] = [];
  const size = (path: string, value: number | null | undefined) => {
    if (value != null && (value < 0 || value > maxPageSize))
      problems.push({ path, message: `must be 0 to ${maxPageSize}` });
  };
  const key = (path: string, cursor: string | null | undefined) => {
    const text = cursor == null ? null : decodeCursor(cursor);
    const parsed = text === null ? null : parseKey(text);
    if (cursor != null && parsed === null) problems.push({ path, message: 'must be a cursor of this connection' });
    return parsed;
  };
  size('first', first);
  size('last', last);
  if (first != null && last != null) problems.push({ path: 'last', message: 'cannot be combined with `first`' });
  const request = {
    limit: first ?? last ?? defaultPageSize,
    backward: last != null || (first == null && after == null && (before != null || backwardByDefault)),
    after: key('after', after),
    before: key('before', before),
  };
  if (problems.length > 0) throw new BadUserInputError(problems);
  return request;
}

/**
 * Reads the arguments of a page around an item, of which only `first` may be given.
 * @throws BadUserInputError for the others, and for a size without room for the item
 */
export function readPageAround({ first, ...others }: ConnectionArguments): { limit: number } {
  const problems: FieldProblem[] = Object.entries(others)
    .filter(([, value]) => value != null)
    .map(([path]) => ({ path, message: 'cannot be combined with `around`' }));
  if (first != null && (first < 1 || first > maxPageSize))
    problems.push({ path: 'first', message: `must be 1 to ${maxPageSize} with \`around\`` });
  if (problems.length > 0) throw new BadUserInputError(problems);
  return { limit: first ?? defaultPageSize };
}

/**
 * Returns a page as a connection.
 * @param keyOf returns the text of an item's cursor, which `parseKey` reads again
 */
export function toConnection<Item, Key>(
  { items, hasMore }: Page<Item>,
  { backward, after, before }: PageRequest<Key>,
  keyOf: (item: Item) => string,
) {
  const hasNext = backward ? before !== null : hasMore;
  const hasPrevious = backward ? hasMore : after !== null;
  return connectionOf({ items, hasPrevious, hasNext }, keyOf);
}

/** Returns items as a connection. @param page.hasPrevious whether there are items before them, and after them */
export function connectionOf<Item>(
  { items, hasPrevious, hasNext }: { items: readonly Item[]; hasPrevious: boolean; hasNext: boolean },
  keyOf: (item: Item) => string,
) {
  const edges = items.map((node) => ({ node, cursor: encodeCursor(keyOf(node)) }));
  return {
    edges,
    pageInfo: {
      hasNextPage: hasNext,
      hasPreviousPage: hasPrevious,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
