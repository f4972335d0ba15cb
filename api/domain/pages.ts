/** Request for a page: up to `limit` items between two keys, from the beginning or, with `backward`, from the end. */
export interface PageRequest<Key> {
  limit: number;
  backward: boolean;
  after: Key | null;
  before: Key | null;
}

/** Items in order, in either direction, and whether there are more in the direction of the request. */
export interface Page<Item> {
  items: readonly Item[];
  hasMore: boolean;
}

/** Key of an item in an order by time, then id. */
export interface TimeKey {
  at: Date;
  id: string;
}

/**
 * Converts rows, read in the direction of the request, to a page.
 * @param rows at most one more than the request's limit
 */
export function toPage<Item>(rows: readonly Item[], { limit, backward }: PageRequest<unknown>): Page<Item> {
  const items = rows.slice(0, limit);
  return { items: backward ? items.reverse() : items, hasMore: rows.length > limit };
}

/**
 * Returns SQL for a page in an order by time, then id.
 * @param by the two columns and the direction of the order
 * @param first number of the first of the four parameters that the SQL uses
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
