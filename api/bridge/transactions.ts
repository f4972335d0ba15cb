import { createFairQueue } from '../fair-queue.ts';
import { type Database, DatabaseUnavailableError, isTimeout, type Query } from '../infra/database/database.ts';
import { type LockTimes, patientTimes } from './positions.ts';

/** Runs within a transaction, and passes the times on to the statement that locks positions. */
type TimedWork<Result> = (query: Query, times: LockTimes) => Promise<Result>;

/**
 * Milliseconds that a transaction waits for one lock, and that one of its statements runs, while others wait behind it. A
 * statement of a full batch takes some 50 ms. The shared transaction waits less: another partition has its own one to try.
 */
const quick = { lockMs: 250, statementMs: 2_000 };
const sharedLockMs = 75;

/** Maximum number of quick transactions of single partitions at once. */
const maxQuick = 2;
/** Part of the connections that slow transactions may hold: locked rows must not use up the pool. */
const slowShare = 0.2;
/** Number of transactions of its own after which a partition that had a failure shares one again. */
const recovery = 10;

/**
 * Creates the transactions of a bridge. Sharing one between partitions only saves time: a partition that has failed, or was
 * slow, is kept apart, so that it waits without the others.
 * @param options.connections number of connections to the database
 * @param options.statementTimeoutMs milliseconds that a statement may run
 * @param options.onAlone called for each transaction of a single partition
 */
export function createTransactions(options: {
  database: Pick<Database, 'transaction'>;
  connections: number;
  statementTimeoutMs: number;
  onAlone(lane: 'quick' | 'slow'): void;
}) {
  const { database, connections, statementTimeoutMs, onAlone } = options;
  const quickTimes = { ...quick, statementMs: Math.min(quick.statementMs, statementTimeoutMs) };
  const quickLane = createLane(maxQuick);
  const slowLane = createLane(Math.max(1, Math.floor(connections * slowShare)));
  /** Partitions that are kept apart, with the number of transactions until they share one again. */
  const apart = new Map<number, number>();

  async function runAlone<Result>(partition: number, work: TimedWork<Result>): Promise<Result> {
    try {
      return await quickLane.run(String(partition), () => runIn('quick', work, quickTimes));
    } catch (error) {
      if (!isTimeout(error)) throw error;
      keepApart(partition);
      return slowLane.run(String(partition), () => runIn('slow', work, patientTimes));
    }
  }

  function runIn<Result>(lane: 'quick' | 'slow', work: TimedWork<Result>, times: LockTimes): Promise<Result> {
    onAlone(lane);
    return database.transaction((query) => work(query, times));
  }

  function keepApart(partition: number): void {
    apart.set(partition, recovery);
  }

  function recover(partition: number): void {
    const left = (apart.get(partition) ?? 1) - 1;
    if (left > 0) apart.set(partition, left);
    else apart.delete(partition);
  }

  return {
    /** Returns whether the records of a partition may be applied together with those of others. */
    mayShare: (partition: number) => !apart.has(partition),
    /** Runs work for several partitions. It fails soon if a statement cannot finish. */
    shared: <Result>(work: TimedWork<Result>): Promise<Result> =>
      database.transaction((query) => work(query, { ...quickTimes, lockMs: sharedLockMs })),
    /** Runs work for one partition, again and with more time if a statement could not finish soon. */
    async alone<Result>(partition: number, work: TimedWork<Result>): Promise<Result> {
      try {
        const result = await runAlone(partition, work);
        recover(partition);
        return result;
      } catch (error) {
        keepApart(partition);
        throw error;
      }
    },
  };
}

/** Every partition has one transaction at a time, so their number bounds the queue. */
function createLane(concurrency: number) {
  const maxWaiting = Number.POSITIVE_INFINITY;
  const onFull = () => new DatabaseUnavailableError('Too many transactions wait.');
  return createFairQueue({ concurrency, maxWaiting, maxWaitingOfKey: maxWaiting, onFull });
}
