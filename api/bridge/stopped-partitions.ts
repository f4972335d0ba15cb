import { NotReadyError } from '../errors.ts';
import { NewerWireError } from '../events.ts';
import { WrongLogError } from './log-identity.ts';

/** Milliseconds for which a stop counts: the log tries again more often than that for as long as it holds the partition. */
const stopMs = 10_000;

/** Keeps the partitions of this bridge that wait for an operator, with the reasons. */
export function createStoppedPartitions() {
  const stops = new Map<number, { reason: string; at: number }>();

  function current(): [number, string][] {
    const oldest = performance.now() - stopMs;
    for (const [partition, { at }] of stops) if (at < oldest) stops.delete(partition);
    return [...stops].map(([partition, { reason }]) => [partition, reason]);
  }

  return {
    /** Runs work on a partition, and notes whether it stopped for a reason that only an operator can remove. */
    async watch<Result>(partition: number, work: () => Promise<Result>): Promise<Result> {
      try {
        const result = await work();
        stops.delete(partition);
        return result;
      } catch (error) {
        if (error instanceof WrongLogError || error instanceof NewerWireError)
          stops.set(partition, { reason: error.message, at: performance.now() });
        throw error;
      }
    },
    /** Returns the number of partitions that wait. */
    count: () => current().length,
    /** @throws NotReadyError with the partitions that wait */
    async ready(): Promise<void> {
      const [first, ...others] = current();
      if (first === undefined) return;
      const more = others.length > 0 ? ` Others that wait: ${others.map(([partition]) => partition).join(', ')}.` : '';
      throw new NotReadyError(`Partition ${first[0]} waits: ${first[1]}${more}`);
    },
  };
}
