import { UnavailableError } from '../errors.ts';
import type { Database } from '../infra/database/database.ts';
import { deleteExpiredOutcomes } from '../infra/database/outcomes.ts';
import type { Batch, Bounds, Consumption, EventLog, LogHandler } from '../infra/event-log/event-log.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import { createBatchApplier } from './apply-batches.ts';
import { decodeRecords } from './batch.ts';
import { createDeadLetters } from './dead-letters.ts';
import { createPartitionWaits, type WaitCause } from './partition-waits.ts';
import { createPositions } from './positions.ts';
import { createPublisher } from './publish.ts';
import { createTransactions } from './transactions.ts';

/** Counters of the bridge. */
export interface BridgeMetrics {
  applied(events: number): void;
  deadLettered(): void;
  publishFailed(): void;
  /** An attempt to apply records failed; it is repeated until it succeeds. */
  attemptFailed(cause: WaitCause): void;
  /** A transaction for a single partition began. */
  appliedAlone(lane: 'quick' | 'slow'): void;
}

/** Records to set aside, as an operator has chosen them: partitions with ranges of offsets. */
export type ChosenRecords = readonly { partition: number; first: bigint; last: bigint }[];

/** Thrown when the log is not the one that the database has applied. An operator must decide which one is right. */
export class WrongLogError extends Error {
  override readonly name = 'WrongLogError';
}

/** Milliseconds between deletions of expired outcomes. */
const purgeMs = 600_000;
/** Milliseconds from which on a partition whose records cannot be applied is reported. A new leader is found within two seconds. */
const defaultWaitMs = 3_000;

/**
 * Applies the log to the database and publishes the changes. Every event takes effect exactly once, even when another
 * bridge consumes the same partition, because its transaction also moves the log's position. Changes are published after
 * the commit, at most once.
 *
 * A record that can never be applied becomes a dead letter. Any other failure makes its partition wait, and only that one.
 * @param options.connections number of connections to the database, of which waiting partitions may hold a fifth; default 10
 * @param options.statementTimeoutMs milliseconds that a statement may run; default 10,000
 * @param options.setAside records that become dead letters without being applied
 * @param options.waitMs milliseconds from which on a partition is reported as waiting; default 3,000
 */
export function createBridge(options: {
  log: EventLog;
  database: Database;
  pubsub: PubSub;
  metrics: BridgeMetrics;
  logger: Logger;
  connections?: number;
  statementTimeoutMs?: number;
  setAside?: ChosenRecords;
  waitMs?: number;
}) {
  const { log, database, metrics, logger, setAside = [], waitMs = defaultWaitMs } = options;
  const { connections = 10, statementTimeoutMs = 10_000 } = options;
  const publisher = createPublisher(options);
  const positions = createPositions(log.name);
  const waits = createPartitionWaits({ waitMs, onFailure: metrics.attemptFailed });
  const transactions = createTransactions({ database, connections, statementTimeoutMs, onAlone: metrics.appliedAlone });
  const common = { ...options, transactions, positions, publish: publisher.publish };
  const batches = createBatchApplier({ ...common, deadLetters: createDeadLetters(common) });
  let consumption: Consumption | undefined;
  let purge: NodeJS.Timeout | undefined;

  /**
   * Returns the offset at which to start consuming a partition.
   * @param bounds offsets that the log holds; null if unknown
   * @throws WrongLogError when the log lacks that offset
   */
  async function assigned(partition: number, bounds: Bounds | null): Promise<bigint> {
    const next = await transactions.alone(partition, async (query, times) => {
      await positions.add(query, partition);
      return positions.lockOne(query, partition, times);
    });
    if (bounds && (bounds.begin > next || bounds.end < next)) {
      throw new WrongLogError(
        `The database needs offset ${next} of partition ${partition}, but log ${log.name} holds ${bounds.begin} to ${bounds.end}: it is a different log.`,
      );
    }
    return next;
  }

  async function handle({ partition, records, from = records[0]?.offset ?? 0n }: Batch): Promise<bigint> {
    const chosen = setAside.filter((one) => one.partition === partition);
    const isChosen = (offset: bigint) => chosen.some(({ first, last }) => first <= offset && offset <= last);
    return batches.apply({ partition, from, records: decodeRecords(records, isChosen) });
  }

  async function purgeOutcomes(): Promise<void> {
    await deleteExpiredOutcomes(database.query).catch((error: unknown) =>
      logger.warn({ error }, 'expired outcomes were not deleted; the next round tries again'),
    );
  }

  const handler: LogHandler = {
    assigned: (partition, bounds) => waits.track(partition, () => assigned(partition, bounds)),
    handle: (batch) => waits.track(batch.partition, () => handle(batch)),
  };

  return {
    ...handler,
    /** Returns the partitions of this bridge that wait, because their records cannot be applied now. */
    waiting: waits.waiting,
    /** Rejects while a partition waits. */
    async ready(): Promise<void> {
      const waiting = waits.waiting().map(({ partition }) => partition);
      if (waiting.length > 0) throw new UnavailableError(`Records of these partitions wait: ${waiting.join(', ')}.`);
    },
    async start(): Promise<void> {
      consumption = await log.consume(handler);
      purge = setInterval(purgeOutcomes, purgeMs);
    },
    /** Finishes the current batch and publishes its changes. */
    async stop(): Promise<void> {
      clearInterval(purge);
      await consumption?.stop();
      await publisher.drain();
    },
  };
}
