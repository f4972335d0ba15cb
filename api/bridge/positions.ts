import { DatabaseUnavailableError, type Query } from '../infra/database/database.ts';
import type { Position } from './log-identity.ts';
import {
  acceptPosition,
  insertPosition,
  selectForUpdate,
  selectFreeForUpdate,
  selectPositions,
  toPosition,
  updateHolder,
  updatePositions,
} from './position-statements.ts';

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
