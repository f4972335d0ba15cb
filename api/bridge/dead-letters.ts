import type { Rejection } from '../events.ts';
import { isDataError } from '../infra/database/database.ts';
import { storeOutcomes } from '../infra/database/outcomes.ts';
import type { EventLog, StoredRecord } from '../infra/event-log/event-log.ts';
import type { Logger } from '../logger.ts';
import { type DecodedRecord, type PartitionBatch, UndecodableRecordError } from './batch.ts';
import { type Changeset, createChangeset } from './changeset.ts';
import { digestOf } from './log-identity.ts';
import type { createPositions } from './positions.ts';
import type { Move } from './publish.ts';
import type { createTransactions } from './transactions.ts';

/** Thrown when too many records in a row cannot be applied: the database or this release is more likely at fault than they are. */
export class PoisonRunError extends Error {
  override readonly name = 'PoisonRunError';
}

/** Number of records of one partition in a row that become dead letters. At the next one the partition stops. */
const maxInRow = 5;

/** Returns whether an error shows that its record can never be applied. */
export function isPoison(error: unknown): boolean {
  return error instanceof UndecodableRecordError || isDataError(error);
}

/** Sets records aside that can never be applied, and rejects their events. */
export function createDeadLetters(options: {
  log: Pick<EventLog, 'deadLetter'>;
  transactions: ReturnType<typeof createTransactions>;
  positions: ReturnType<typeof createPositions>;
  publish(changeset: Changeset, moves: readonly Move[]): void;
  metrics: { deadLettered(): void };
  logger: Logger;
}) {
  const { log, transactions, positions, publish, metrics, logger } = options;
  /** Number of records in a row that became dead letters, by partition. */
  const inRow = new Map<number, number>();

  /** Passes the record over, unless the position has moved meanwhile. */
  function pass({ partition, from }: PartitionBatch, record: StoredRecord, { outcomes }: Changeset): Promise<Move> {
    return transactions.alone(partition, async (query, times) => {
      const position = await positions.lockOne(query, partition, times);
      const move = { partition, from: position.next, next: position.next };
      if (position.next < from || position.next > record.offset) return move;
      await storeOutcomes(query, outcomes);
      const next = record.offset + 1n;
      await positions.move(query, new Map([[partition, { ...position, next, last: digestOf(record) }]]));
      return { ...move, next };
    });
  }

  return {
    /**
     * Stores a record as a dead letter and moves the position behind it.
     * @param batch contains this record alone
     * @returns the next offset of its partition
     * @throws PoisonRunError when too many records before it became dead letters; one that an operator has chosen does not count
     */
    async add(batch: PartitionBatch, { record, event, isChosen }: DecodedRecord, error: unknown): Promise<bigint> {
      const { partition } = batch;
      const reason = error instanceof Error ? error.message : String(error);
      const before = inRow.get(partition) ?? 0;
      if (before >= maxInRow && !isChosen) throw stopped(partition, record.offset, error);
      await log.deadLetter(partition, record, reason);
      metrics.deadLettered();
      const facts = { partition, offset: String(record.offset), reason };
      logger.error(facts, 'a record cannot be applied: it is a dead letter');
      const changeset = createChangeset();
      if (event) changeset.outcomes.push({ event, outcome: { applied: false, rejection: notApplied } });
      const move = await pass(batch, record, changeset);
      if (!isChosen) inRow.set(partition, before + 1);
      publish(changeset, [move]);
      return move.next;
    },
    /** Ends a row: records of the partition were applied. */
    endRow: (partition: number) => void inRow.delete(partition),
  };
}

function stopped(partition: number, offset: bigint, cause: unknown): PoisonRunError {
  return new PoisonRunError(
    `${maxInRow} records in a row of partition ${partition} could not be applied, nor can the one at offset ${offset}: the partition waits.`,
    { cause },
  );
}

const notApplied: Rejection = {
  code: 'UNAVAILABLE',
  message: 'The server could not apply this change and kept it for its operators. Try again, or contact them.',
};
