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
  let isMisplaced = false;

  async function begin(): Promise<bigint | null> {
    await previous;
    next = await insist(async () => handler.assigned(partition, await readBounds()));
    return isHeld() ? next : null;
  }

  async function readBounds(): Promise<Bounds> {
    const found = (await bounds()).get(partition);
    if (found === undefined) throw new Error(`partition ${partition} has no leader at the moment`);
    return found;
  }

  async function take(records: readonly StoredRecord[]): Promise<bigint | null> {
    const [first] = records;
    if (first === undefined) return next;
    if (next === null || !(await follows(first.offset, next))) return misplaced(first.offset);
    isMisplaced = false;
    for (let start = 0; start < records.length && isHeld(); start += maxBatch) {
      const from: bigint = next;
      const batch = records.slice(start, start + maxBatch);
      const answer = await insist(() => handler.handle({ partition, from, records: batch }));
      if (answer === null) return null;
      next = answer;
      if (answer !== (batch.at(-1)?.offset ?? 0n) + 1n) break;
    }
    return isHeld() ? next : null;
  }

  /**
   * Whether a record is the next of the log. Ends of transactions and what compaction removed leave gaps; but kafkajs begins
   * at the earliest record as well where the log has lost the wanted one.
   */
  async function follows(offset: bigint, wanted: bigint): Promise<boolean> {
    if (offset <= wanted) return offset === wanted;
    const found = await insist(readBounds);
    return found !== null && found.begin <= wanted;
  }

  async function misplaced(offset: bigint): Promise<bigint | null> {
    const facts = { partition, offset: String(offset), next: String(next) };
    if (!isMisplaced) logger.error(facts, 'the log does not go on where it ended');
    isMisplaced = true;
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
