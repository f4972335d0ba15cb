import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../logger.ts';
import type { Bounds, LogHandler, StoredRecord } from './event-log.ts';

/** What a consumer needs to hold partitions. */
export interface LeaseOptions {
  handler: LogHandler;
  bounds(): Promise<Map<number, Bounds>>;
  /** How long a failed handler is left alone, in milliseconds. */
  retryMs: number;
  logger: Logger;
}

/** One partition, from when it was given to this consumer until it is taken away. */
export interface Lease {
  partition: number;
  /** Where the partition is to be read on; null until the handler said where to begin. */
  next(): bigint | null;
  isHeld(): boolean;
  /** Asks the handler where to begin, until it answers; null when the partition is taken away first. */
  begin(): Promise<bigint | null>;
  /** Hands over what was read, until it is handled, and answers where to read on; null when it is taken away first. */
  take(records: readonly StoredRecord[]): Promise<bigint | null>;
  /** Hands over nothing more; what is in hand goes on. */
  release(): void;
}

const maxBatch = 500;

/** @param previous what may still be at work on the partition: nothing is asked or handed over before it ends */
export function createLease(partition: number, previous: Promise<unknown>, options: LeaseOptions): Lease {
  const { handler, bounds, retryMs, logger } = options;
  const released = new AbortController();
  const isHeld = () => !released.signal.aborted;
  let next: bigint | null = null;

  async function begin(): Promise<bigint | null> {
    await previous;
    next = await insist(async () => handler.assigned(partition, (await bounds()).get(partition) ?? null));
    return isHeld() ? next : null;
  }

  async function take(records: readonly StoredRecord[]): Promise<bigint | null> {
    const [first] = records;
    if (first === undefined) return next;
    if (first.offset !== next) return misplaced(first.offset);
    for (let from = 0; from < records.length && isHeld(); from += maxBatch) {
      const batch = records.slice(from, from + maxBatch);
      const answer = await insist(() => handler.handle({ partition, records: batch }));
      if (answer === null) return null;
      next = answer;
      if (answer !== (batch.at(-1)?.offset ?? 0n) + 1n) break;
    }
    return isHeld() ? next : null;
  }

  /** kafkajs begins at the earliest record where the wanted one is not there: that must not pass as the next. */
  async function misplaced(offset: bigint): Promise<bigint | null> {
    logger.error({ partition, offset: String(offset), next: String(next) }, 'the log does not go on where it ended');
    await pause();
    return begin();
  }

  async function insist<T>(attempt: () => Promise<T>): Promise<T | null> {
    let reported: string | undefined;
    while (isHeld()) {
      try {
        return await attempt();
      } catch (error) {
        if (reported !== String(error))
          logger.error({ error, partition }, 'the log could not be handled; trying again');
        reported = String(error);
        await pause();
      }
    }
    return null;
  }

  async function pause(): Promise<void> {
    await delay(retryMs, undefined, { signal: released.signal }).catch(() => {});
  }

  return { partition, next: () => next, isHeld, begin, take, release: () => released.abort() };
}
