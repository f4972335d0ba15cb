import type { Query } from '../infra/database/database.ts';

/** A zombie's lock on the log's position is taken from it after this many milliseconds. */
const idleTransactionMs = 5_000;

/**
 * How far the database has come in each partition of a log: the offset that it wants next. Whoever has locked one is the only
 * bridge to apply what lies there, until the transaction ends.
 */
export function createPositions(log: string) {
  async function lock(query: Query, partitions: readonly number[], waiting: string): Promise<Map<number, bigint>> {
    const rows = await query<{ partition: number; next: string }>(
      `SELECT partition, next_offset::text AS next, set_config('idle_in_transaction_session_timeout', $3, true)
       FROM log_position WHERE log = $1 AND partition = ANY($2::int[]) ORDER BY partition FOR UPDATE ${waiting}`,
      [log, partitions, String(idleTransactionMs)],
    );
    return new Map(rows.map(({ partition, next }) => [partition, BigInt(next)]));
  }

  return {
    /** Makes a partition known. */
    async add(query: Query, partition: number): Promise<void> {
      await query('INSERT INTO log_position VALUES ($1, $2, 0) ON CONFLICT DO NOTHING', [log, partition]);
    },
    /** Locks those that are there, and waits until it has them. */
    lock: (query: Query, partitions: readonly number[]) => lock(query, partitions, ''),
    /** Locks those that nobody else has at this moment. */
    lockFree: (query: Query, partitions: readonly number[]) => lock(query, partitions, 'SKIP LOCKED'),
    /** Moves those that the transaction has locked. */
    async move(query: Query, nexts: ReadonlyMap<number, bigint>): Promise<void> {
      await query(
        `UPDATE log_position p SET next_offset = n.next FROM unnest($2::int[], $3::bigint[]) AS n(partition, next)
         WHERE p.log = $1 AND p.partition = n.partition`,
        [log, [...nexts.keys()], [...nexts.values()].map(String)],
      );
    },
  };
}
