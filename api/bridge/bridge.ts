import type { Database } from '../infra/database/database.ts';
import type { Batch, Bounds, Consumption, EventLog } from '../infra/event-log/event-log.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import { createBatchApplier } from './apply-batches.ts';
import { decodeRecords } from './batch.ts';
import { createPositions } from './positions.ts';
import { createPublisher } from './publish.ts';

/** Counters of the bridge. */
export interface BridgeMetrics {
  applied(events: number): void;
  deadLettered(): void;
  publishFailed(): void;
}

/** Thrown when the log is not the one that the database has applied. An operator must decide which one is right. */
export class WrongLogError extends Error {
  override readonly name = 'WrongLogError';
}

/**
 * Applies the log to the database and publishes the changes. Every event takes effect exactly once, even when another
 * bridge consumes the same partition, because its transaction also moves the log's position. Changes are published after
 * the commit, at most once.
 */
export function createBridge(options: {
  log: EventLog;
  database: Database;
  pubsub: PubSub;
  metrics: BridgeMetrics;
  logger: Logger;
}) {
  const { log, database } = options;
  const publisher = createPublisher(options);
  const positions = createPositions(log.name);
  const batches = createBatchApplier({ ...options, positions, publish: publisher.publish });
  let consumption: Consumption | undefined;

  /**
   * Returns the offset at which to start consuming a partition.
   * @param bounds offsets that the log holds; null if unknown
   * @throws WrongLogError when the log lacks that offset
   */
  async function assigned(partition: number, bounds: Bounds | null): Promise<bigint> {
    const next = await database.transaction(async (query) => {
      await positions.add(query, partition);
      return positions.lockOne(query, partition);
    });
    if (bounds && (bounds.begin > next || bounds.end < next)) {
      throw new WrongLogError(
        `The database needs offset ${next} of partition ${partition}, but log ${log.name} holds ${bounds.begin} to ${bounds.end}: it is a different log.`,
      );
    }
    return next;
  }

  async function handle({ partition, records, from = records[0]?.offset ?? 0n }: Batch): Promise<bigint> {
    return batches.apply({ partition, from, records: decodeRecords(records) });
  }

  return {
    assigned,
    handle,
    async start(): Promise<void> {
      consumption = await log.consume({ assigned, handle });
    },
    /** Finishes the current batch and publishes its changes. */
    async stop(): Promise<void> {
      await consumption?.stop();
      await publisher.drain();
    },
  };
}
