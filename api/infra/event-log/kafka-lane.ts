import kafkajs, { type Producer } from 'kafkajs';
import { UnavailableError } from '../../errors.ts';
import { type ClusterOptions, type KafkaClient, openKafka, within } from './kafka-client.ts';
import { checkStored, maxRecordBytes, type Outgoing, type PartitionOf, sizeOf, toMessages } from './kafka-messages.ts';

/** A record whose append is pending. */
export interface PendingRecord {
  record: Outgoing;
  bytes: number;
  /** Time at which the append fails, by `performance.now()`. */
  deadline: number;
  isSettled: boolean;
  /** Resolves the append, or rejects it with an error. Only the first call has an effect. */
  settle(error?: Error): void;
}

/** Sends records, one batch after another, by a producer of its own. */
export interface Lane {
  push(pending: PendingRecord): void;
  /** Removes and returns the records that were not sent yet. */
  takeQueued(): PendingRecord[];
  /** Resolves when every record is settled and the producer is closed. */
  close(): Promise<void>;
}

/** Options of a lane. */
interface LaneOptions extends ClusterOptions {
  partitionOf: Promise<PartitionOf>;
  /** Settles before the first batch may be sent. */
  after?: Promise<unknown>;
  /** Milliseconds after which a batch is late. */
  lateMs?: number;
  /** Called when a batch is late; `ended` resolves once it is stored or has failed. */
  onLate?(batch: readonly PendingRecord[], ended: Promise<unknown>): void;
  /** Called when every queued record is stored. */
  onStored?(): void;
}

interface Link {
  client: KafkaClient;
  producer: Producer;
}

const maxBatch = 1_000;
const away = 'The server cannot store this now: try again.';

/**
 * Creates a lane. Records pushed in the same turn of the event loop share a request. One request is in flight at a time, its
 * retries included: this keeps the order of the calls, and lets Kafka recognise a repeated batch. After a failure a new producer
 * takes over, because kafkajs has lost its sequence numbers; requests of the old one are never sent.
 */
export function createLane(options: LaneOptions): Lane {
  const { timeoutMs, partitionOf, after, lateMs, onLate, onStored, logger } = options;
  let queue: PendingRecord[] = [];
  let sending: Promise<void> | null = null;
  let link: Promise<Link> | undefined;

  function push(pending: PendingRecord): void {
    queue.push(pending);
    sending ??= new Promise<void>(setImmediate).then(sendAll);
  }

  async function sendAll(): Promise<void> {
    await after;
    let isStored = false;
    for (;;) {
      queue = queue.filter(({ isSettled }) => !isSettled);
      if (queue.length === 0) break;
      const batch = queue.splice(0, countBatch(queue));
      const sent = sendBatch(batch);
      const timer = onLate && setTimeout(() => onLate(batch, sent), lateMs);
      isStored = await sent;
      clearTimeout(timer);
    }
    sending = null;
    if (isStored) onStored?.();
  }

  async function sendBatch(batch: readonly PendingRecord[]): Promise<boolean> {
    const lastDeadline = batch.at(-1)?.deadline ?? 0;
    const givenUp = new AbortController();
    try {
      await within(Math.max(lastDeadline - performance.now(), 1), transmit(batch, givenUp.signal));
      for (const one of batch) one.settle();
      return true;
    } catch (error) {
      logger.warn({ error, records: batch.length }, 'records were not stored; a new producer takes over');
      givenUp.abort();
      closeLink();
      for (const one of batch) one.settle(new UnavailableError(away, { cause: error }));
      return false;
    }
  }

  async function transmit(batch: readonly PendingRecord[], givenUp: AbortSignal): Promise<void> {
    const topicMessages = toMessages(
      batch.map(({ record }) => record),
      await partitionOf,
    );
    givenUp.throwIfAborted();
    link ??= openLink(options);
    const { producer } = await link;
    givenUp.throwIfAborted();
    const stored = await producer.sendBatch({ acks: -1, timeout: timeoutMs, topicMessages });
    checkStored(stored, topicMessages);
  }

  function closeLink(): void {
    link?.then(({ client }) => client.close()).catch(() => {});
    link = undefined;
  }

  return {
    push,
    takeQueued: () => queue.splice(0),
    async close(): Promise<void> {
      await sending;
      const { producer } = (await link?.catch(() => undefined)) ?? {};
      await (producer && within(timeoutMs, producer.disconnect()).catch(() => {}));
      closeLink();
    },
  };
}

/**
 * Creates a pending record, which fails with `UnavailableError` after `timeoutMs` milliseconds.
 * @param settle called once with the outcome
 */
export function createPendingRecord(
  record: Outgoing,
  timeoutMs: number,
  settle: (error?: Error) => void,
): PendingRecord {
  const timer = setTimeout(() => pending.settle(new UnavailableError(away)), timeoutMs);
  const pending: PendingRecord = {
    record,
    bytes: sizeOf(record),
    deadline: performance.now() + timeoutMs,
    isSettled: false,
    settle(error) {
      if (pending.isSettled) return;
      clearTimeout(timer);
      pending.isSettled = true;
      settle(error);
    },
  };
  return pending;
}

async function openLink(options: ClusterOptions): Promise<Link> {
  const client = openKafka(options, Number.MAX_SAFE_INTEGER);
  const producer = client.kafka.producer({
    idempotent: true,
    allowAutoTopicCreation: false,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  try {
    await within(options.timeoutMs, producer.connect());
    return { client, producer };
  } catch (error) {
    client.close();
    throw error;
  }
}

/** Number of queued records that fit into one request: at least one, however large. */
function countBatch(queue: readonly PendingRecord[]): number {
  let bytes = 0;
  const end = queue.findIndex((one, index) => {
    bytes += one.bytes;
    return index > 0 && (index === maxBatch || bytes > maxRecordBytes);
  });
  return end < 0 ? queue.length : end;
}
