import { randomUUID } from 'node:crypto';
import { wireVersion } from '../event-records.ts';
import type { Database, Query } from '../infra/database/database.ts';
import { knownPartitions } from '../infra/database/event-logs.ts';
import type { Batch, Consumption, EventLog, LogHandler, LogState } from '../infra/event-log/event-log.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import type { Logger } from '../logger.ts';
import { createAnnouncement } from './announcement.ts';
import { createBatchApplier } from './apply-batches.ts';
import { decodeRecords } from './batch.ts';
import { createDeadLetters } from './dead-letters.ts';
import { checkPartitions, startOf } from './log-identity.ts';
import { createPartitionWaits, type WaitCause } from './partition-waits.ts';
import { createPositions, type LockTimes } from './positions.ts';
import { createPublisher } from './publish.ts';
import { createTransactions } from './transactions.ts';
import { createUnapplied } from './unapplied.ts';

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

/** Milliseconds from which on a partition whose records cannot be applied is reported. A new leader is found within two seconds. */
const defaultWaitMs = 3_000;

/**
 * Applies the log to the database and publishes the changes. Every event takes effect exactly once, even when another
 * bridge consumes the same partition, because its transaction also moves the log's position. Changes are published after
 * the commit; gateways verify their channels where a bridge was killed between the two.
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
  const id = randomUUID();
  const announcement = createAnnouncement({ database, id, log: log.name, wireVersion, logger });
  const waits = createPartitionWaits({ waitMs, onFailure: metrics.attemptFailed });
  const unapplied = createUnapplied();
  const transactions = createTransactions({ database, connections, statementTimeoutMs, onAlone: metrics.appliedAlone });
  const common = { ...options, transactions, positions, publish: publisher.publish };
  const batches = createBatchApplier({ ...common, deadLetters: createDeadLetters(common) });
  let consumption: Consumption | undefined;
  let isStopped = false;

  /**
   * Returns the offset at which to start reading a partition, and notes in the database that this bridge reads it.
   * @throws WrongLogError when the log is not the one that the database has applied
   */
  async function assigned(partition: number, state: LogState): Promise<bigint> {
    const { start, next } = await transactions.alone(partition, (query, times) => take(query, partition, state, times));
    publisher.begin(partition, next);
    return start;
  }

  async function take(query: Query, partition: number, state: LogState, times: LockTimes) {
    checkPartitions(partition, state, await knownPartitions(query, log.name, state.partitions), log.name);
    await positions.add(query, partition);
    const position = await positions.lockOne(query, partition, times);
    const start = startOf(position, partition, state, log.name);
    const replayTo = state.bounds?.end ?? position.next;
    await positions.hold(query, partition, { bridgeId: id, logId: state.id, replayTo });
    unapplied.applied(partition, position.next);
    return { start, next: position.next };
  }

  /** @throws WrongLogError when the log does not continue where the database has applied it; the partition waits */
  async function handle({ partition, records, from = records[0]?.offset ?? 0n }: Batch): Promise<bigint> {
    const chosen = setAside.filter((one) => one.partition === partition);
    const isChosen = (offset: bigint) => chosen.some(({ first, last }) => first <= offset && offset <= last);
    const decoded = decodeRecords(partition, records, isChosen);
    unapplied.read(partition, decoded);
    const next = await batches.apply({ partition, from, records: decoded });
    unapplied.applied(partition, next);
    return next;
  }

  const handler: LogHandler = {
    assigned: (partition, state) => waits.track(partition, () => assigned(partition, state)),
    handle: (batch) => waits.track(batch.partition, () => handle(batch)),
  };

  return {
    ...handler,
    /** Returns the partitions of this bridge that wait, because their records cannot be applied now. */
    waiting: waits.waiting,
    /** Returns the number of failed signals that wait for their repetition. */
    signalsWaiting: publisher.waiting,
    /** Returns the age in seconds of the oldest event that this bridge has read and not applied yet; 0 if there is none. */
    oldestUnappliedSeconds: () => unapplied.oldestSeconds(waits.tried()),
    ready: waits.ready,
    async start(): Promise<void> {
      await announcement.start();
      if (isStopped) return;
      const started = await log.consume(handler);
      if (isStopped) await started.stop();
      else consumption = started;
    },
    /** Finishes the current batch and publishes its changes. */
    async stop(): Promise<void> {
      isStopped = true;
      await consumption?.stop();
      await announcement.stop();
      await publisher.stop();
    },
  };
}
