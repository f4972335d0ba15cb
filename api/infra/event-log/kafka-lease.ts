import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../logger.ts';
import type { Bounds, LogHandler, LogState, StoredRecord } from './event-log.ts';

/** Options of the leases of a consumer. */
export interface LeaseOptions {
  handler: LogHandler;
  bounds(): Promise<Map<number, Bounds>>;
  /** Reads the topic's id and number of partitions. */
  identity(): Promise<Omit<LogState, 'bounds'>>;
  /** Milliseconds to wait before a failed handler is called again. */
  retryMs: number;
  /** Returns false if the topic of fetched records is not the assigned one: then the partition is assigned again. */
  confirm(): Promise<boolean>;
  logger: Logger;
}

/** A consumer's hold on one partition, from its assignment until it is revoked. */
export interface Lease {
  partition: number;
  /** The offset to continue from; null until the handler has chosen where to start. */
  next(): bigint | null;
  isHeld(): boolean;
  /** Id of the topic that the handler was assigned; undefined before. */
  logId(): string | null | undefined;
  /** Calls the handler's `assigned` until it resolves. Returns the offset to start from; null if the partition is revoked first. */
  begin(): Promise<bigint | null>;
  /** Delivers records until they are handled. Returns the offset to continue from; null if the partition is revoked first. */
  take(records: readonly StoredRecord[]): Promise<bigint | null>;
  /** Delivers no further batch; the current one finishes. */
  release(): void;
}

const maxBatch = 500;

/** @param previous work of an earlier holder: the handler is not called before it ends */
export function createLease(partition: number, previous: Promise<unknown>, options: LeaseOptions): Lease {
  const { handler, bounds, identity, retryMs, confirm, logger } = options;
  const released = new AbortController();
  const isHeld = () => !released.signal.aborted;
  let next: bigint | null = null;
  let logId: string | null | undefined;
  let isMisplaced = false;

  async function begin(): Promise<bigint | null> {
    await previous;
    next = await retryUntilDone(async () => {
      const { id, partitions } = await identity();
      logId = id;
      return handler.assigned(partition, { id, partitions, bounds: await readBounds() });
    });
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
    if (!(await retryUntilDone(confirm))) return null;
    if (next === null || !(await follows(first.offset, next))) return misplaced(first.offset);
    isMisplaced = false;
    for (let start = 0; start < records.length && isHeld(); start += maxBatch) {
      const from: bigint = next;
      const batch = records.slice(start, start + maxBatch);
      const wanted = await retryUntilDone(() => handler.handle({ partition, from, records: batch }));
      if (wanted === null) return null;
      next = wanted;
      if (wanted !== (batch.at(-1)?.offset ?? 0n) + 1n) break;
    }
    return isHeld() ? next : null;
  }

  /**
   * Whether a record is the next one of the log. The handler judges gaps. But kafkajs also starts at the earliest record if the
   * log no longer has the wanted one.
   */
  async function follows(offset: bigint, wanted: bigint): Promise<boolean> {
    if (offset <= wanted) return offset === wanted;
    const found = await retryUntilDone(readBounds);
    return found !== null && found.begin <= wanted;
  }

  async function misplaced(offset: bigint): Promise<bigint | null> {
    const facts = { partition, offset: String(offset), next: String(next) };
    if (!isMisplaced) logger.error(facts, 'the log does not continue at the expected offset');
    isMisplaced = true;
    await pause();
    return begin();
  }

  async function retryUntilDone<T>(attempt: () => Promise<T>): Promise<T | null> {
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

  return { partition, next: () => next, isHeld, logId: () => logId, begin, take, release: () => released.abort() };
}
