/** What is asked for: up to `limit` items between two keys, from the beginning or (`backward`) from the end. */
export interface PageRequest<Key> {
  limit: number;
  backward: boolean;
  after: Key | null;
  before: Key | null;
}

/** The items in order, whichever way they were asked for, and whether there are more that way. */
export interface Page<Item> {
  items: readonly Item[];
  hasMore: boolean;
}

/** A place in an order by time, then id. */
export interface TimeKey {
  at: Date;
  id: string;
}

/**
 * The page of rows that were read in the direction of the request.
 * @param rows up to one more than its limit
 */
export function toPage<Item>(rows: readonly Item[], { limit, backward }: PageRequest<unknown>): Page<Item> {
  const items = rows.slice(0, limit);
  return { items: backward ? items.reverse() : items, hasMore: rows.length > limit };
}

/**
 * SQL for a page of an order by time, then id.
 * @param by the columns, and which way the order goes
 * @param first the number of the first parameter that it uses; it uses four
 */
export function pageByTime(
  { limit, backward, after, before }: PageRequest<TimeKey>,
  by: { at: string; id: string; ascending: boolean },
  first: number,
): { where: string; order: string; parameters: unknown[] } {
  const side = (greater: boolean, n: number) =>
    `($${n}::timestamptz IS NULL OR (${by.at}, ${by.id}) ${greater ? '>' : '<'} ($${n}::timestamptz, $${n + 1}::uuid))`;
  const direction = by.ascending === backward ? 'DESC' : 'ASC';
  return {
    where: `${side(by.ascending, first)} AND ${side(!by.ascending, first + 2)}`,
    order: `ORDER BY ${by.at} ${direction}, ${by.id} ${direction} LIMIT ${limit + 1}`,
    parameters: [after?.at ?? null, after?.id ?? null, before?.at ?? null, before?.id ?? null],
  };
}
