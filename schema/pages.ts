import type { Page, PageRequest } from '../api/domain/pages.ts';
import { BadUserInputError, type FieldProblem } from '../api/errors.ts';

/** The most that one page holds. */
export const maxPageSize = 100;
/** What one page holds unless asked. */
export const defaultPageSize = 50;

interface ConnectionArguments {
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}

/**
 * Reads Relay's four arguments.
 * @param parseKey the key in a cursor's text, or null when it is none
 * @param backwardByDefault without `first` and `last`: the newest page instead of the first
 * @throws BadUserInputError for sizes out of bounds, both `first` and `last`, or a cursor that is not of this connection
 */
export function readPage<Key>(
  { first, after, last, before }: ConnectionArguments,
  parseKey: (cursor: string) => Key | null,
  backwardByDefault = false,
): PageRequest<Key> {
  const problems: FieldProblem[] = [];
  const size = (path: string, value: number | null | undefined) => {
    if (value != null && (value < 0 || value > maxPageSize))
      problems.push({ path, message: `takes 0 to ${maxPageSize}` });
  };
  const key = (path: string, cursor: string | null | undefined) => {
    const text = cursor == null ? null : decodeCursor(cursor);
    const parsed = text === null ? null : parseKey(text);
    if (cursor != null && parsed === null) problems.push({ path, message: 'is not a cursor of this connection' });
    return parsed;
  };
  size('first', first);
  size('last', last);
  if (first != null && last != null) problems.push({ path: 'last', message: 'cannot be given together with first' });
  const request = {
    limit: first ?? last ?? defaultPageSize,
    backward: last != null || (first == null && after == null && (before != null || backwardByDefault)),
    after: key('after', after),
    before: key('before', before),
  };
  if (problems.length > 0) throw new BadUserInputError(problems);
  return request;
}

/** A page as Relay's connection; `keyOf` gives the text that `parseKey` reads. */
export function toConnection<Item, Key>(
  { items, hasMore }: Page<Item>,
  { backward, after, before }: PageRequest<Key>,
  keyOf: (item: Item) => string,
) {
  const edges = items.map((node) => ({ node, cursor: encodeCursor(keyOf(node)) }));
  return {
    edges,
    pageInfo: {
      hasNextPage: backward ? before !== null : hasMore,
      hasPreviousPage: backward ? hasMore : after !== null,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

function encodeCursor(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** The text of a cursor; null when it was not encoded so, though it might be read leniently. */
function decodeCursor(cursor: string): string | null {
  const text = Buffer.from(cursor, 'base64url').toString();
  return encodeCursor(text) === cursor ? text : null;
}
