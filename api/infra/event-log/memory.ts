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
  /** Null until the first consumer said where the log begins. */
  begin: bigint | null;
  records: Queued[];
  /** How many of the records, from the front, were handled; they are kept for those who seek back. */
  handled: number;
  handler: LogHandler | null;
  running: Promise<void> | null;
  wake(): void;
}

/** While one batch is applied, what came of the one before is answered: a batch of all that waits would leave nothing for that. */
const maxBatch = 100;
const maxDeadLetters = 1_000;

/**
 * The log of one process: `append` resolves when the record was handled. What was handled is kept up to a bound for
 * those who seek back; what was not is gone with the process, and was not acknowledged.
 * @param options.name which log it is
 * @param options.maxQueued how many records may wait to be handled; further appends are refused
 * @param options.keep how many handled records are kept
 * @param options.retryMs how long a failed handler is left alone, in milliseconds
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
      return Promise.reject(new UnavailableError('The server cannot keep up now: try again in a moment.'));
    }
    return new Promise((resolve, reject) => {
      partition.records.push({ ...record, resolve, reject });
      partition.wake();
    });
  }

  /** Shares the partitions anew among the consumers; each changes hands when the batch in hand is done. */
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
    while (isMine()) {
      try {
        next ??= await begin(partition, handler);
        const batch = take(partition, next);
        if (batch === null) await moreOf(partition);
        else {
          next = await handler.handle(batch);
          settle(partition, next);
        }
      } catch (error) {
        logger.error({ error, partition: partition.index }, 'the log could not be handled; trying again');
        await delay(retryMs);
      }
    }
  }

  /** Resolves when there is more: what arrives on sockets at the same moment shares the next batch. */
  async function moreOf(partition: Partition): Promise<void> {
    await new Promise<void>((resolve) => (partition.wake = resolve));
    await new Promise(setImmediate);
  }

  async function begin(partition: Partition, handler: LogHandler): Promise<bigint> {
    const { begin: first, records } = partition;
    const bounds = first === null ? null : { begin: first, end: first + BigInt(records.length) };
    const next = await handler.assigned(partition.index, bounds);
    partition.begin ??= next;
    return next;
  }

  /** Notes what was handled, so that its appends resolve, and forgets what is no longer kept. */
  function settle(partition: Partition, next: bigint): void {
    const begin = partition.begin ?? next;
    const done = Math.min(Number(next - begin), partition.records.length);
    for (; partition.handled < done; partition.handled++) partition.records[partition.handled]?.resolve();
    const surplus = partition.handled - keep;
    // Kept up to twice over, so that forgetting seldom copies.
    if (surplus < keep) return;
    partition.records.splice(0, surplus);
    partition.handled -= surplus;
    partition.begin = begin + BigInt(surplus);
  }

  return {
    name,
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

/** The records from an offset on, or null when there are none yet. */
function take({ index, begin, records }: Partition, next: bigint): Batch | null {
  const first = begin ?? next;
  const from = Number(next - first);
  if (from < 0) throw new Error(`offset ${next} is not kept any more: the log begins at ${first}`);
  const batch = records.slice(from, from + maxBatch).map(({ key, value, headers }, n) => ({
    key,
    value,
    headers,
    offset: next + BigInt(n),
  }));
  return batch.length === 0 ? null : { partition: index, records: batch };
}

/** FNV-1a: spreads keys over partitions, the same in every process. */
function hash(key: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(key)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}
