import kafkajs, { type Producer } from 'kafkajs';
import { UnavailableError } from '../../errors.ts';
import { type ClusterOptions, type KafkaClient, openKafka, within } from './kafka-client.ts';
import { checkStored, maxRecordBytes, type Outgoing, type PartitionOf, sizeOf, toMessages } from './kafka-messages.ts';

/** A record that somebody waits for. */
export interface Waiting {
  record: Outgoing;
  bytes: number;
  /** In milliseconds since the epoch. */
  deadline: number;
  isOver: boolean;
  /** Only the first call counts. */
  settle(error?: Error): void;
}

/** Records on their way one batch after another, by a producer of their own. */
export interface Lane {
  push(waiting: Waiting): void;
  /** Takes over what is not on its way yet. */
  takeWaiting(): Waiting[];
  /** Resolves when nothing is on its way or waits, and the producer is gone. */
  close(): Promise<void>;
}

/** What a lane is made of, and whom it tells. */
interface LaneOptions extends ClusterOptions {
  partitionOf: Promise<PartitionOf>;
  /** What is to end before the first batch leaves. */
  after?: Promise<unknown>;
  /** After how long a batch is late, in milliseconds. */
  lateMs?: number;
  /** A batch is late: `ended` resolves when it is over, one way or the other. */
  onLate?(batch: readonly Waiting[], ended: Promise<unknown>): void;
  /** All that was pushed is stored. */
  onStored?(): void;
}

interface Link {
  client: KafkaClient;
  producer: Producer;
}

const maxBatch = 1_000;
const away = 'The server cannot store this now: try again.';

/**
 * Sends records, those of one moment in one request. One request is on its way at a time, its retries included: so the
 * order is that of the calls, and Kafka knows a repeated batch from a new one. After a failure another producer
 * begins, since kafkajs has lost count then of what it sent; what the old one still held never leaves.
 */
export function createLane(options: LaneOptions): Lane {
  const { timeoutMs, partitionOf, after, lateMs, onLate, onStored, logger } = options;
  let queue: Waiting[] = [];
  let sending: Promise<void> | null = null;
  let link: Promise<Link> | undefined;

  function push(waiting: Waiting): void {
    queue.push(waiting);
    sending ??= new Promise<void>(setImmediate).then(sendAll);
  }

  async function sendAll(): Promise<void> {
    await after;
    let isStored = false;
    for (;;) {
      queue = queue.filter(({ isOver }) => !isOver);
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

  async function sendBatch(batch: readonly Waiting[]): Promise<boolean> {
    const lastDeadline = batch.at(-1)?.deadline ?? 0;
    const givenUp = new AbortController();
    try {
      await within(Math.max(lastDeadline - Date.now(), 1), transmit(batch, givenUp.signal));
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

  async function transmit(batch: readonly Waiting[], givenUp: AbortSignal): Promise<void> {
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
    takeWaiting: () => queue.splice(0),
    async close(): Promise<void> {
      await sending;
      const { producer } = (await link?.catch(() => undefined)) ?? {};
      await (producer && within(timeoutMs, producer.disconnect()).catch(() => {}));
      closeLink();
    },
  };
}

/**
 * A record with its time, after which it fails with `UnavailableError`.
 * @param settle told once what became of it
 */
export function createWaiting(record: Outgoing, timeoutMs: number, settle: (error?: Error) => void): Waiting {
  const timer = setTimeout(() => waiting.settle(new UnavailableError(away)), timeoutMs);
  const waiting: Waiting = {
    record,
    bytes: sizeOf(record),
    deadline: Date.now() + timeoutMs,
    isOver: false,
    settle(error) {
      if (waiting.isOver) return;
      clearTimeout(timer);
      waiting.isOver = true;
      settle(error);
    },
  };
  return waiting;
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

/** How many of those that wait go into one request: at least one, however large. */
function countBatch(queue: readonly Waiting[]): number {
  let bytes = 0;
  const end = queue.findIndex((one, index) => {
    bytes += one.bytes;
    return index > 0 && (index === maxBatch || bytes > maxRecordBytes);
  });
  return end < 0 ? queue.length : end;
}
