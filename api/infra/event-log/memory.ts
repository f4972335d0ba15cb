import { setTimeout as delay } from 'node:timers/promises';
import { UnavailableError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import type { Batch, EventLog, LogHandler, LogRecord, StoredRecord } from './event-log.ts';

/** A record that could not be applied, and the reason. */
interface DeadLetter {
  partition: number;
  record: StoredRecord;
  reason: string;
}

interface Queued extends LogRecord {
  resolve(): void;
  reject(error: Error): void;
}

interface Partition {
  index: number;
  /** Offset of the first record; null until the first consumer has chosen where the log starts. */
  begin: bigint | null;
  records: Queued[];
  /** Number of records, from the front, that were handled; they are retained for consumers that seek back. */
  handled: number;
  handler: LogHandler | null;
  running: Promise<void> | null;
  wake(): void;
}

/** Maximum records per batch. While one batch is applied, the results of the one before are delivered: larger batches would leave nothing to overlap. */
const maxBatch = 100;
const maxDeadLetters = 1_000;

/**
 * Creates the event log of a single process: `append` resolves when the record was handled. Handled records are retained up to
 * a bound for consumers that seek back; others are lost with the process, and were not acknowledged.
 * @param options.name identifies the log
 * @param options.maxQueued maximum number of records that wait; further appends fail with UnavailableError
 * @param options.keep number of handled records that are retained
 * @param options.retryMs milliseconds before a failed handler is called again
 */
export function createMemoryEventLog(options: {
  logger: Logger;
  name?: string;
  partitions?: number;
  maxQueued?: number;
  keep?: number;
  retryMs?: number;
}) {
  const { logger, name = 'embedded', partitions: count = 1, maxQueued = 20_000, keep = 1_000, retryMs = 200 } = options;
  const partitions = Array.from({ length: count }, (_, index) => createPartition(index));
  const consumers: LogHandler[] = [];
  const deadLetters: DeadLetter[] = [];
  let stopped = false;

  function append(record: LogRecord): Promise<void> {
    const partition = partitions[hash(record.key) % count];
    if (stopped || partition === undefined)
      return Promise.reject(new UnavailableError('The server is stopping: try again.'));
    if (partition.records.length - partition.handled >= maxQueued) {
      return Promise.reject(new UnavailableError('The server is overloaded: try again in a moment.'));
    }
    return new Promise((resolve, reject) => {
      partition.records.push({ ...record, resolve, reject });
      partition.wake();
    });
  }

  /** Reassigns the partitions to the consumers; each changes hands when its current batch is done. */
  function share(): void {
    for (const partition of partitions) {
      const handler = consumers[partition.index % Math.max(consumers.length, 1)] ?? null;
      if (partition.handler === handler) continue;
      partition.handler = handler;
      partition.wake();
      if (handler) partition.running = (partition.running ?? Promise.resolve()).then(() => run(partition, handler));
    }
  }

  async function run(partition: Partition, handler: LogHandler): Promise<void> {
    const isMine = () => partition.handler === handler && !stopped;
    let next: bigint | null = null;
    /** A failure that lasts is logged once. */
    let reported: string | null = null;
    while (isMine()) {
      try {
        next ??= await begin(partition, handler);
        // Stopped meanwhile: nothing would wake it again.
        if (!isMine()) return;
        const batch = take(partition, next);
        if (batch === null) await waitForRecords(partition);
        else {
          next = await handler.handle(batch);
          settle(partition, next);
          reported = null;
        }
      } catch (error) {
        if (reported !== String(error))
          logger.error({ error, partition: partition.index }, 'the log could not be handled; trying again');
        reported = String(error);
        await delay(retryMs);
      }
    }
  }

  /** Resolves when there are records: those that arrive on sockets in the same turn share the next batch. */
  async function waitForRecords(partition: Partition): Promise<void> {
    await new Promise<void>((resolve) => (partition.wake = resolve));
    await new Promise(setImmediate);
  }

  async function begin(partition: Partition, handler: LogHandler): Promise<bigint> {
    const { begin: first, records } = partition;
    const bounds = first === null ? null : { begin: first, end: first + BigInt(records.length) };
    const next = await handler.assigned(partition.index, { id: name, partitions: count, bounds });
    partition.begin ??= next;
    return next;
  }

  /** Resolves the appends of handled records, and drops records that are no longer retained. */
  function settle(partition: Partition, next: bigint): void {
    const begin = partition.begin ?? next;
    const done = Math.min(Number(next - begin), partition.records.length);
    for (; partition.handled < done; partition.handled++) partition.records[partition.handled]?.resolve();
    const surplus = partition.handled - keep;
    // Up to twice `keep` records stay, so that dropping seldom copies.
    if (surplus < keep) return;
    partition.records.splice(0, surplus);
    partition.handled -= surplus;
    partition.begin = begin + BigInt(surplus);
  }

  return {
    name,
    partitions: async () => count,
    partitionOf: async (key: string) => hash(key) % count,
    append,
    /** Dead letters, the newest last, at most 1,000. */
    deadLetters: deadLetters as readonly DeadLetter[],
    async consume(handler: LogHandler) {
      consumers.push(handler);
      share();
      return {
        async stop() {
          const at = consumers.indexOf(handler);
          if (at < 0) return;
          const held = partitions.filter((partition) => partition.handler === handler).map(({ running }) => running);
          consumers.splice(at, 1);
          share();
          await Promise.all(held);
        },
      };
    },
    async deadLetter(partition: number, record: StoredRecord, reason: string) {
      deadLetters.push({ partition, record, reason });
      if (deadLetters.length > maxDeadLetters) deadLetters.shift();
    },
    async describe() {
      const bounds = partitions.map(({ index, begin, records }) => {
        const first = begin ?? 0n;
        return [index, { begin: first, end: first + BigInt(records.length) }] as const;
      });
      return { id: name, partitions: count, bounds: new Map(bounds) };
    },
    async ready() {
      if (stopped) throw new UnavailableError('The log is stopped.');
    },
    async stop() {
      stopped = true;
      for (const partition of partitions) partition.wake();
      await Promise.all(partitions.map(({ running }) => running));
      for (const { records, handled } of partitions) {
        for (const record of records.slice(handled))
          record.reject(new UnavailableError('The server stopped: try again.'));
      }
    },
  } satisfies EventLog & { deadLetters: readonly DeadLetter[] };
}

function createPartition(index: number): Partition {
  return { index, begin: null, records: [], handled: 0, handler: null, running: null, wake: () => {} };
}

/** Returns the next batch from an offset on; null if there are no records yet. */
function take({ index, begin, records }: Partition, next: bigint): Batch | null {
  const first = begin ?? next;
  const from = Number(next - first);
  if (from < 0) throw new Error(`offset ${next} is no longer retained: the log begins at ${first}`);
  const batch = records.slice(from, from + maxBatch).map(({ key, value, headers }, n) => ({
    key,
    value,
    headers,
    offset: next + BigInt(n),
  }));
  return batch.length === 0 ? null : { partition: index, records: batch };
}

/** FNV-1a hash, which spreads keys over partitions. */
function hash(key: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(key)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}
