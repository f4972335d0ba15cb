import { DatabaseUnavailableError, type Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, int8, nullable, text } from '../infra/database/types.ts';

/** Milliseconds after which a bridge that has stalled loses its locks. */
export const idleTransactionMs = 5_000;

/** Bounds of a transaction, in milliseconds. */
export interface LockTimes {
  /** How long a statement waits for one lock. */
  lockMs: number;
  /** How long a statement runs, apart from the first one; null for the time of the connection. */
  statementMs: number | null;
}

/**
 * Returns the positions of a log: the next offset that the database needs from each partition. Only the bridge that has
 * locked a partition's position applies its records, until its transaction ends.
 */
export function createPositions(log: string) {
  async function lock(
    query: Query,
    select: typeof selectForUpdate,
    partitions: readonly number[],
    { lockMs, statementMs }: LockTimes,
  ): Promise<Map<number, bigint>> {
    const rows = await query(select, {
      log,
      partitions,
      idleMs: String(idleTransactionMs),
      lockMs: String(lockMs),
      statementMs: statementMs === null ? null : String(statementMs),
    });
    return new Map(rows.map(({ partition, nextOffset }) => [partition, BigInt(nextOffset)]));
  }

  function missing(partition: number): never {
    throw new DatabaseUnavailableError(`The database has no position for log ${log}, partition ${partition}.`);
  }

  return {
    /** Adds a partition, from offset 0 on, unless it is known. */
    async add(query: Query, partition: number): Promise<void> {
      await query(insertPosition, { log, partition });
    },
    /**
     * Locks the known ones of these partitions, waits for their locks, and returns their positions.
     * @param times bounds of this statement and of the rest of the transaction
     */
    lock: (query: Query, partitions: readonly number[], times: LockTimes) =>
      lock(query, selectForUpdate, partitions, times),
    /**
     * Locks one partition, waits for its lock, and returns its position.
     * @throws DatabaseUnavailableError when the partition is not known
     */
    async lockOne(query: Query, partition: number, times: LockTimes): Promise<bigint> {
      return (await lock(query, selectForUpdate, [partition], times)).get(partition) ?? missing(partition);
    },
    /** Throws DatabaseUnavailableError for a partition that is not known. */
    missing,
    /** Locks the partitions that no other transaction has locked, and returns their positions. */
    lockFree: (query: Query, partitions: readonly number[], times: LockTimes) =>
      lock(query, selectFreeForUpdate, partitions, times),
    /** Stores new positions of partitions that the transaction has locked. */
    async move(query: Query, nexts: ReadonlyMap<number, bigint>): Promise<void> {
      const offsets = [...nexts.values()].map(String);
      await query(updatePositions, { log, partitions: [...nexts.keys()], offsets });
    },
  };
}

const insertPosition = statement({
  sql: 'INSERT INTO log_position (log, partition, next_offset) VALUES ($log, $partition, 0) ON CONFLICT DO NOTHING',
  parameters: { log: text, partition: int4 },
});

const selectForUpdate = declareLock('FOR UPDATE');
const selectFreeForUpdate = declareLock('FOR UPDATE SKIP LOCKED');

const updatePositions = statement({
  sql: `
    UPDATE log_position p SET next_offset = n.next
    FROM unnest($partitions, $offsets) AS n(partition, next) WHERE p.log = $log AND p.partition = n.partition`,
  parameters: { log: text, partitions: arrayOf(int4), offsets: arrayOf(int8) },
});

/** The bounds apply from this statement on, which sets them before it waits for a lock: they cost no round trip. */
function declareLock(clause: string) {
  const position = columns(tables.logPosition, 'p', ['partition', 'nextOffset']);
  const settings = `
    set_config('idle_in_transaction_session_timeout', $idleMs, true)
      || set_config('lock_timeout', $lockMs, true)
      || set_config('statement_timeout', coalesce($statementMs, current_setting('statement_timeout')), true)`;
  return statement({
    sql: `
      SELECT ${position.list}, ${settings} AS settings
      FROM log_position p WHERE p.log = $log AND p.partition = ANY($partitions) ORDER BY p.partition ${clause}`,
    parameters: { log: text, partitions: arrayOf(int4), idleMs: text, lockMs: text, statementMs: nullable(text) },
    row: { ...position.row, settings: text },
  });
}
