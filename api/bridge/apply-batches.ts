import { batched } from '../batched.ts';
import { NewerWireError } from '../event-records.ts';
import { DatabaseUnavailableError, isDataError, StatementRefusedError, sqlState } from '../infra/database/database.ts';
import { readOutcomes } from '../infra/database/outcomes.ts';
import { applyEvents } from './apply.ts';
import { type DecodedRecord, eventsOf, halve, type PartitionBatch, takeNewEvents } from './batch.ts';
import { type Changeset, createChangeset } from './changeset.ts';
import { type createDeadLetters, isPoison } from './dead-letters.ts';
import { type Position, WrongLogError } from './log-identity.ts';
import type { createPositions } from './positions.ts';
import type { Move } from './publish.ts';
import type { createTransactions } from './transactions.ts';

/** Thrown when one record fails for a reason that is not known to be its own. It must not be passed over. */
export class StuckRecordError extends Error {
  override readonly name = 'StuckRecordError';
}

/**
 * Applies batches of records in transactions that also move the log's position, and publishes the changes after the commit.
 * A record that can never be applied becomes a dead letter; after any other failure the batch must be delivered again.
 */
export function createBatchApplier(options: {
  transactions: ReturnType<typeof createTransactions>;
  deadLetters: ReturnType<typeof createDeadLetters>;
  positions: ReturnType<typeof createPositions>;
  publish(changeset: Changeset, moves: readonly Move[]): void;
  metrics: { applied(events: number): void };
}) {
  const { transactions, deadLetters, positions, publish, metrics } = options;

  /**
   * Applies the batches of several partitions in one transaction, because a commit costs as much as dozens of messages.
   * @returns the next offset of each partition; null if its batch must be applied alone, because another bridge has locked
   *   the partition or one of the batches breaks or delays the transaction; the error if the database cannot be reached
   */
  const applyTogether = batched(async (batches: readonly PartitionBatch[]): Promise<(bigint | null | Error)[]> => {
    try {
      const positioned = await applyBatches(batches, positions.lockFree, transactions.shared);
      return batches.map(({ partition }) => positioned.get(partition)?.next ?? null);
    } catch (error) {
      return batches.map(() => (isUnreachable(error) ? error : null));
    }
  });

  /**
   * Applies the batch of one partition. Halving finds the record that breaks the transaction, which is tried twice: the cleanup
   * may have removed a row to which it refers, between two statements of the first attempt.
   */
  async function applyAlone(batch: PartitionBatch, isRepeated = false): Promise<bigint> {
    const { partition, records } = batch;
    try {
      const positioned = await applyBatches([batch], positions.lock, (work) => transactions.alone(partition, work));
      return positioned.get(partition)?.next ?? positions.missing(partition);
    } catch (error) {
      if (!mayBeOfRecord(error)) throw error;
      const [record] = records;
      if (records.length > 1 || record === undefined) return applyHalves(batch);
      if (isDataError(error) && !isRepeated) return applyAlone(batch, true);
      if (isPoison(error)) return deadLetters.add(batch, record, error);
      throw stuck(partition, record, error);
    }
  }

  async function applyHalves(batch: PartitionBatch): Promise<bigint> {
    const [first, second] = halve(batch);
    const next = await applyAlone(first);
    return next >= second.from ? applyAlone(second) : next;
  }

  /** Returns the new positions of the partitions that were locked. */
  async function applyBatches(
    batches: readonly PartitionBatch[],
    lock: typeof positions.lock,
    transaction: typeof transactions.shared,
  ): Promise<Map<number, Position>> {
    const partitions = batches.map(({ partition }) => partition);
    const { positioned, before, changeset, moved } = await transaction(async (query, times) => {
      // Independent statements are sent together: the partitions stay locked for every round trip.
      const [positioned, known] = await Promise.all([
        lock(query, partitions, times),
        readOutcomes(
          query,
          batches.flatMap(eventsOf).map(({ eventId }) => eventId),
        ),
      ]);
      const before = new Map(positioned);
      const news = batches.map((batch) => takeNewEvents(positioned, batch));
      const events = news.flat();
      const moved = partitions.filter((_, index) => news[index]?.length);
      if (events.length === 0) return { positioned, before, changeset: createChangeset(), moved };
      const [changeset] = await Promise.all([applyEvents(query, events, known), positions.move(query, positioned)]);
      return { positioned, before, changeset, moved };
    });
    for (const partition of moved) deadLetters.endRow(partition);
    metrics.applied(changeset.outcomes.length);
    publish(changeset, movesBetween(before, positioned));
    return positioned;
  }

  return {
    /** Applies a batch and returns the next offset of its partition. */
    async apply(batch: PartitionBatch): Promise<bigint> {
      const mayShare = transactions.mayShare(batch.partition) && batch.records.every(({ event }) => event !== null);
      return (mayShare ? await applyTogether(batch) : null) ?? applyAlone(batch);
    },
  };
}

function movesBetween(before: ReadonlyMap<number, Position>, after: ReadonlyMap<number, Position>): Move[] {
  return [...before].map(([partition, { next: from }]) => ({
    partition,
    from,
    next: after.get(partition)?.next ?? from,
  }));
}

/** Returns whether the connection failed: no other transaction would do better. */
function isUnreachable(error: unknown): error is DatabaseUnavailableError {
  return error instanceof DatabaseUnavailableError && !mayBeOfRecord(error) && sqlState(error.cause) === null;
}

/** Returns whether other records might be applied nevertheless. */
function mayBeOfRecord(error: unknown): boolean {
  if (error instanceof NewerWireError || error instanceof WrongLogError) return false;
  return !(error instanceof DatabaseUnavailableError) || error instanceof StatementRefusedError;
}

function stuck(partition: number, { record }: DecodedRecord, cause: unknown): StuckRecordError {
  return new StuckRecordError(
    `The record at offset ${record.offset} of partition ${partition} cannot be applied now: the partition waits.`,
    { cause },
  );
}
