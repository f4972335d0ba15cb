import { batched } from '../batched.ts';
import type { Rejection } from '../events.ts';
import { type Database, DatabaseUnavailableError } from '../infra/database/database.ts';
import { readOutcomes, storeOutcomes } from '../infra/database/outcomes.ts';
import type { EventLog } from '../infra/event-log/event-log.ts';
import type { Logger } from '../logger.ts';
import { applyEvents } from './apply.ts';
import { type DecodedRecord, eventsOf, halve, type PartitionBatch, takeNewEvents } from './batch.ts';
import { type Changeset, createChangeset } from './changeset.ts';
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
    const nexts = await applyBatches(batches, positions.lockFree).catch(() => new Map<number, bigint>());
    return batches.map(({ partition }) => nexts.get(partition) ?? null);
  });

  /** Applies the batch of one partition. Halving finds the records that break the transaction. */
  async function applyAlone(batch: PartitionBatch): Promise<bigint> {
    const { partition, records } = batch;
    try {
      const nexts = await applyBatches([batch], positions.lock);
      return nexts.get(partition) ?? positions.missing(partition);
    } catch (error) {
      if (error instanceof DatabaseUnavailableError) throw error;
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

  /** Returns the next offsets of the partitions that were locked. */
  async function applyBatches(
    batches: readonly PartitionBatch[],
    lock: typeof positions.lock,
  ): Promise<Map<number, bigint>> {
    const partitions = batches.map(({ partition }) => partition);
    const { nexts, changeset } = await database.transaction(async (query) => {
      // Independent statements are sent together: the partitions stay locked for every round trip.
      const [nexts, known] = await Promise.all([
        lock(query, partitions),
        readOutcomes(
          query,
          batches.flatMap(eventsOf).map(({ eventId }) => eventId),
        ),
      ]);
      const events = batches.flatMap((batch) => takeNewEvents(nexts, batch));
      if (events.length === 0) return { nexts, changeset: createChangeset() };
      const [changeset] = await Promise.all([applyEvents(query, events, known), positions.move(query, nexts)]);
      return { nexts, changeset };
    });
    metrics.applied(changeset.outcomes.length);
    publish(changeset);
    return nexts;
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
      if (position < from || position > record.offset) return position;
      await storeOutcomes(query, changeset.outcomes);
      await positions.move(query, new Map([[partition, record.offset + 1n]]));
      return record.offset + 1n;
    });
    publish(changeset);
    return next;
  }

  return {
    /** Applies a batch and returns the next offset of its partition. */
    apply: async (batch: PartitionBatch): Promise<bigint> => (await applyTogether(batch)) ?? applyAlone(batch),
  };
}

const notApplied: Rejection = {
  code: 'UNAVAILABLE',
  message: 'The server could not apply this change and kept it for its operators. Try again, or contact them.',
};
