import { DatabaseUnavailableError, type Query } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import { columns, type Row } from '../infra/database/table.ts';
import { tables } from '../infra/database/tables.ts';
import { arrayOf, int4, int8, nullable, text, uuid } from '../infra/database/types.ts';
import type { Position } from './log-identity.ts';

/** Milliseconds after which a bridge that has stalled loses its locks. */
const idleTransactionMs = 5_000;

/** Bounds of a transaction, in milliseconds. */
export interface LockTimes {
  /** How long a statement waits for one lock. */
  lockMs: number;
  /** How long a statement runs, apart from the first one; null for the time of the connection. */
  statementMs: number | null;
}

/** Bounds of a transaction that may wait: a bridge that has stalled loses its locks before, and statements have their own limit. */
export const patientTimes: LockTimes = { lockMs: idleTransactionMs + 1_000, statementMs: null };

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
  ): Promise<Map<number, Position>> {
    const rows = await query(select, {
      log,
      partitions,
      idleMs: String(idleTransactionMs),
      lockMs: String(lockMs),
      statementMs: statementMs === null ? null : String(statementMs),
    });
    return new Map(rows.map((row) => [row.partition, toPosition(row)]));
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
    /** Returns the positions of the known ones of these partitions without locking them. */
    async read(query: Query, partitions: readonly number[]): Promise<Map<number, Position>> {
      const rows = await query(selectPositions, { log, partitions });
      return new Map(rows.map((row) => [row.partition, toPosition(row)]));
    },
    /**
     * Locks one partition, waits for its lock, and returns its position.
     * @throws DatabaseUnavailableError when the partition is not known
     */
    async lockOne(query: Query, partition: number, times: LockTimes): Promise<Position> {
      return (await lock(query, selectForUpdate, [partition], times)).get(partition) ?? missing(partition);
    },
    /** Throws DatabaseUnavailableError for a partition that is not known. */
    missing,
    /** Locks the partitions that no other transaction has locked, and returns their positions. */
    lockFree: (query: Query, partitions: readonly number[], times: LockTimes) =>
      lock(query, selectFreeForUpdate, partitions, times),
    /** Stores new positions, each after a record, of partitions that the transaction has locked. */
    async move(query: Query, positions: ReadonlyMap<number, Position>): Promise<void> {
      const moved = [...positions.values()];
      await query(updatePositions, {
        log,
        partitions: [...positions.keys()],
        offsets: moved.map(({ next }) => String(next)),
        records: moved.map(({ last }) => last),
      });
    },
    /**
     * Notes the bridge that a partition was assigned to, and the log that it reads.
     * @param held.logId null leaves the id as it is
     * @param held.replayTo end of the log; below it the bridge catches up
     */
    async hold(
      query: Query,
      partition: number,
      held: { bridgeId: string; logId: string | null; replayTo: bigint },
    ): Promise<void> {
      await query(updateHolder, { ...held, log, partition, replayTo: String(held.replayTo) });
    },
    /** Stores the position at which an operator lets bridges continue. The log there is not known yet. */
    async accept(
      query: Query,
      partition: number,
      { next, logId, replayTo }: { next: bigint; logId: string | null; replayTo: bigint },
    ): Promise<void> {
      await query(acceptPosition, { log, partition, next: String(next), logId, replayTo: String(replayTo) });
    },
  };
}

const columnsOfPosition = columns(tables.logPosition, 'p', [
  'partition',
  'nextOffset',
  'lastOffset',
  'lastRecord',
  'logId',
]);
/** A digest counts only if no bridge of an older release, which does not know it, has moved the position since. */
function toPosition({ nextOffset, lastOffset, lastRecord, logId }: Row<typeof columnsOfPosition.row>): Position {
  const next = BigInt(nextOffset);
  const isKnown = lastOffset !== null && BigInt(lastOffset) === next - 1n;
  return { next, last: isKnown ? lastRecord : null, logId };
}

const insertPosition = statement({
  sql: 'INSERT INTO log_position (log, partition, next_offset) VALUES ($log, $partition, 0) ON CONFLICT DO NOTHING',
  parameters: { log: text, partition: int4 },
});

const fromPositions = 'FROM log_position p WHERE p.log = $log AND p.partition = ANY($partitions) ORDER BY p.partition';

const selectPositions = statement({
  sql: `SELECT ${columnsOfPosition.list} ${fromPositions}`,
  parameters: { log: text, partitions: arrayOf(int4) },
  row: columnsOfPosition.row,
});

const selectForUpdate = declareLock('FOR UPDATE');
const selectFreeForUpdate = declareLock('FOR UPDATE SKIP LOCKED');

const updatePositions = statement({
  sql: `
    UPDATE log_position p SET next_offset = n.next, last_offset = n.next - 1, last_record = n.record
    FROM unnest($partitions, $offsets, $records) AS n(partition, next, record)
    WHERE p.log = $log AND p.partition = n.partition`,
  parameters: { log: text, partitions: arrayOf(int4), offsets: arrayOf(int8), records: arrayOf(nullable(text)) },
});

const updateHolder = statement({
  sql: `
    UPDATE log_position SET bridge_id = $bridgeId, replay_to = $replayTo, log_id = coalesce($logId, log_id)
    WHERE log = $log AND partition = $partition`,
  parameters: { log: text, partition: int4, bridgeId: uuid, logId: nullable(text), replayTo: int8 },
});

const acceptPosition = statement({
  sql: `
    UPDATE log_position
    SET next_offset = $next, last_offset = NULL, last_record = NULL, log_id = $logId, replay_to = $replayTo
    WHERE log = $log AND partition = $partition`,
  parameters: { log: text, partition: int4, next: int8, logId: nullable(text), replayTo: int8 },
});

/** The bounds apply from this statement on, which sets them before it waits for a lock: they cost no round trip. */
function declareLock(clause: string) {
  const settings = `
    set_config('idle_in_transaction_session_timeout', $idleMs, true)
      || set_config('lock_timeout', $lockMs, true)
      || set_config('statement_timeout', coalesce($statementMs, current_setting('statement_timeout')), true)`;
  return statement({
    sql: `
      SELECT ${columnsOfPosition.list}, ${settings} AS settings ${fromPositions} ${clause}`,
    parameters: { log: text, partitions: arrayOf(int4), idleMs: text, lockMs: text, statementMs: nullable(text) },
    row: { ...columnsOfPosition.row, settings: text },
  });
}
