import { randomUUID } from 'node:crypto';
import { wireVersion } from '../events.ts';
import type { Database, Query } from '../infra/database/database.ts';
import { knownPartitions } from '../infra/database/event-logs.ts';
import { deleteExpiredOutcomes } from '../infra/database/outcomes.ts';
import type { Batch, Consumption, EventLog, LogState } from '../infra/event-log/event-log.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import { createAnnouncement } from './announcement.ts';
import { createBatchApplier } from './apply-batches.ts';
import { decodeRecords } from './batch.ts';
import { checkPartitions, startOf } from './log-identity.ts';
import { createPositions } from './positions.ts';
import { createPublisher } from './publish.ts';
import { createStoppedPartitions } from './stopped-partitions.ts';

/** Counters of the bridge. */
export interface BridgeMetrics {
  applied(events: number): void;
  deadLettered(): void;
  publishFailed(): void;
}

/** Milliseconds between deletions of expired outcomes. */
const purgeMs = 600_000;

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
  const { log, database, logger } = options;
  const publisher = createPublisher(options);
  const positions = createPositions(log.name);
  const batches = createBatchApplier({ ...options, positions, publish: publisher.publish });
  const id = randomUUID();
  const announcement = createAnnouncement({ database, id, log: log.name, wireVersion, logger });
  const stopped = createStoppedPartitions();
  let consumption: Consumption | undefined;
  let purge: NodeJS.Timeout | undefined;

  /**
   * Returns the offset at which to start reading a partition, and notes in the database that this bridge reads it.
   * @throws WrongLogError when the log is not the one that the database has applied
   */
  function assigned(partition: number, state: LogState): Promise<bigint> {
    return stopped.watch(partition, () => database.transaction((query) => take(query, partition, state)));
  }

  async function take(query: Query, partition: number, state: LogState): Promise<bigint> {
    checkPartitions(partition, state, await knownPartitions(query, log.name, state.partitions), log.name);
    await positions.add(query, partition);
    const position = await positions.lockOne(query, partition);
    const start = startOf(position, partition, state, log.name);
    const replayTo = state.bounds?.end ?? position.next;
    await positions.hold(query, partition, { bridgeId: id, logId: state.id, replayTo });
    return start;
  }

  /** @throws WrongLogError when the log does not continue where the database has applied it; the partition waits */
  function handle({ partition, records, from = records[0]?.offset ?? 0n }: Batch): Promise<bigint> {
    return stopped.watch(partition, () => batches.apply({ partition, from, records: decodeRecords(records) }));
  }

  async function purgeOutcomes(): Promise<void> {
    await deleteExpiredOutcomes(database.query).catch((error: unknown) =>
      logger.warn({ error }, 'expired outcomes were not deleted; the next round tries again'),
    );
  }

  return {
    assigned,
    handle,
    /** Rejects while a partition waits for an operator. */
    ready: stopped.ready,
    /** Returns the number of partitions that wait for an operator. */
    stopped: stopped.count,
    async start(): Promise<void> {
      await announcement.start();
      consumption = await log.consume({ assigned, handle });
      purge = setInterval(purgeOutcomes, purgeMs);
    },
    /** Finishes the current batch and publishes its changes. */
    async stop(): Promise<void> {
      clearInterval(purge);
      await consumption?.stop();
      await announcement.stop();
      await publisher.drain();
    },
  };
}
