import { int4, nullable, timestamptz, uuid } from '../infra/database/types.ts';

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

/** Ids in SQL below and above all ids. */
export const lowestId = "'00000000-0000-0000-0000-000000000000'::uuid";
export const highestId = "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid";

/**
 * Returns SQL for a page in an order by time, then id, which an index finds from any key. Its parameters are
 * `timePageParameters`.
 * @param by the two columns and the direction of the order
 */
export function timePage(
  by: { at: string; id: string; ascending: boolean },
  backward: boolean,
): { where: string; orderBy: string; order: string } {
  const side = (key: 'after' | 'before', greater: boolean) => {
    const [at, id] = greater ? ["'-infinity'", lowestId] : ["'infinity'", highestId];
    return `(${by.at}, ${by.id}) ${greater ? '>' : '<'} (coalesce($${key}At, ${at}), coalesce($${key}Id, ${id}))`;
  };
  const direction = by.ascending === backward ? 'DESC' : 'ASC';
  const orderBy = `ORDER BY ${by.at} ${direction}, ${by.id} ${direction}`;
  return {
    where: `${side('after', by.ascending)} AND ${side('before', !by.ascending)}`,
    orderBy,
    order: `${orderBy} LIMIT $limit`,
  };
}

/** Types of the parameters of a page by time. */
export const timePageParameters = {
  afterAt: nullable(timestamptz),
  afterId: nullable(uuid),
  beforeAt: nullable(timestamptz),
  beforeId: nullable(uuid),
  limit: int4,
};

/** Returns the parameters for the page of a request: one row more than its limit shows whether there are more. */
export function toTimePage({ limit, after, before }: PageRequest<TimeKey>) {
  return {
    afterAt: after?.at ?? null,
    afterId: after?.id ?? null,
    beforeAt: before?.at ?? null,
    beforeId: before?.id ?? null,
    limit: limit + 1,
  };
}

/** Declares the statement of a page for both directions, and returns the one for a request. */
export function declarePages<Declared>(declare: (backward: boolean) => Declared) {
  const [forward, backward] = [declare(false), declare(true)];
  return (request: { backward: boolean }): Declared => (request.backward ? backward : forward);
}
