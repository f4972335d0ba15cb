import type { Consumer } from 'kafkajs';
import type { Logger } from '../../logger.ts';
import type { Lease } from './kafka-lease.ts';

/**
 * Commits at an interval how far each partition was handled. Only measurements of lag depend on it: the database knows the
 * offsets.
 * @param options.leases the partitions that are held, kept up to date by the caller
 * @param options.commitMs the interval in milliseconds
 */
export function createCommits(options: {
  consumer: Consumer;
  topic: string;
  leases: ReadonlyMap<number, Lease>;
  commitMs: number;
  logger: Logger;
}) {
  const { consumer, topic, leases, commitMs, logger } = options;
  const committed = new Map<number, bigint>();
  let committing = false;

  async function commit(): Promise<void> {
    const offsets = [...leases.values()].flatMap((lease) => {
      const next = lease.next();
      return next === null || next === committed.get(lease.partition) ? [] : [{ partition: lease.partition, next }];
    });
    if (committing || offsets.length === 0) return;
    committing = true;
    try {
      await consumer.commitOffsets(offsets.map(({ partition, next }) => ({ topic, partition, offset: String(next) })));
      for (const { partition, next } of offsets) committed.set(partition, next);
    } catch (error) {
      logger.debug({ error }, 'offsets were not committed; the next round tries again');
    } finally {
      committing = false;
    }
  }

  const timer = setInterval(commit, commitMs);
  return { commit, stop: () => clearInterval(timer) };
}
