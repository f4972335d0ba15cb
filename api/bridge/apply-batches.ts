import { batched } from '../batched.ts';
import { NewerWireError, type Rejection } from '../events.ts';
import { type Database, DatabaseUnavailableError } from '../infra/database/database.ts';
import { readOutcomes, storeOutcomes } from '../infra/database/outcomes.ts';
import type { EventLog } from '../infra/event-log/event-log.ts';
import type { Logger } from '../logger.ts';
import { applyEvents } from './apply.ts';
import { type DecodedRecord, eventsOf, halve, type PartitionBatch, takeNewEvents } from './batch.ts';
import { type Changeset, createChangeset } from './changeset.ts';
import { digestOf, type Position, WrongLogError } from './log-identity.ts';
import type { createPositions } from './positions.ts';

/**
 * Applies batches of records in transactions that also move the log's position, and publishes the changes after the commit.
 * A record that cannot be applied becomes a dead letter.
 */
export function createBatchApplier(options: {
  log: Pick<EventLog, 'deadLetter'>;
  database: Pick<Database, 'transaction'>;
  positions: ReturnType<typeof createPositions>;
  publish(changeset: Changeset): void;
  metrics: { applied(events: number): void; deadLettered(): void };
  logger: Logger;
}) {
  const { log, database, positions, publish, metrics, logger } = options;

  /**
   * Applies the batches of several partitions in one transaction, because a commit costs as much as dozens of messages.
   * @returns the next offset of each partition; null if its batch must be applied alone, because another bridge has locked
   *   the partition or one of the batches breaks the transaction
   */
  const applyTogether = batched(async (batches: readonly PartitionBatch[]): Promise<(bigint | null)[]> => {
    const moved = await applyBatches(batches, positions.lockFree).catch(() => new Map<number, Position>());
    return batches.map(({ partition }) => moved.get(partition)?.next ?? null);
  });

  /** Applies the batch of one partition. Halving finds the records that break the transaction. */
  async function applyAlone(batch: PartitionBatch): Promise<bigint> {
    const { partition, records } = batch;
    try {
      const moved = await applyBatches([batch], positions.lock);
      return moved.get(partition)?.next ?? positions.missing(partition);
    } catch (error) {
      if (waitsFor.some((kind) => error instanceof kind)) throw error;
      const [record] = records;
      if (records.length > 1 || record === undefined) return applyHalves(batch);
      return deadLetter(batch, record, error);
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
  ): Promise<Map<number, Position>> {
    const partitions = batches.map(({ partition }) => partition);
    const { moved, changeset } = await database.transaction(async (query) => {
      // Independent statements are sent together: the partitions stay locked for every round trip.
      const [moved, known] = await Promise.all([
        lock(query, partitions),
        readOutcomes(query, batches.flatMap(eventsOf)),
      ]);
      const events = batches.flatMap((batch) => takeNewEvents(moved, batch));
      if (events.length === 0) return { moved, changeset: createChangeset() };
      const [changeset] = await Promise.all([applyEvents(query, events, known), positions.move(query, moved)]);
      return { moved, changeset };
    });
    metrics.applied(changeset.outcomes.length);
    publish(changeset);
    return moved;
  }

  async function deadLetter(
    { partition, from }: PartitionBatch,
    { record, event }: DecodedRecord,
    error: unknown,
  ): Promise<bigint> {
    const reason = error instanceof Error ? error.message : String(error);
    await log.deadLetter(partition, record, reason);
    metrics.deadLettered();
    logger.error(
      { partition, offset: String(record.offset), reason },
      'a record cannot be applied: it is a dead letter',
    );
    const changeset = createChangeset();
    if (event) changeset.outcomes.push({ event, outcome: { applied: false, rejection: notApplied } });
    const next = await database.transaction(async (query) => {
      const position = await positions.lockOne(query, partition);
      if (position.next < from || position.next > record.offset) return position.next;
      await storeOutcomes(query, changeset.outcomes);
      const next = record.offset + 1n;
      await positions.move(query, new Map([[partition, { ...position, next, last: digestOf(record) }]]));
      return next;
    });
    publish(changeset);
    return next;
  }

  return {
    /** Applies a batch and returns the next offset of its partition. */
    apply: async (batch: PartitionBatch): Promise<bigint> => (await applyTogether(batch)) ?? applyAlone(batch),
  };
}

/** Errors for which a partition waits: they say nothing about a record. */
const waitsFor = [DatabaseUnavailableError, NewerWireError, WrongLogError];

const notApplied: Rejection = {
  code: 'UNAVAILABLE',
  message: 'The server could not apply this change and kept it for its operators. Try again, or contact them.',
};
