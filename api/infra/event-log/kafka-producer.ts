import kafkajs, { type Producer } from 'kafkajs';
import { UnavailableError } from '../../errors.ts';
import { type ClusterOptions, type KafkaClient, openKafka, within } from './kafka-client.ts';
import { checkStored, createPartitionOf, maxRecordBytes, type Outgoing, sizeOf, toMessages } from './kafka-messages.ts';

interface Waiting {
  record: Outgoing;
  bytes: number;
  /** In milliseconds since the epoch. */
  deadline: number;
  isOver: boolean;
  settle(error?: Error): void;
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
 * @param options.partitions the number of partitions of the events' topic
 * @param options.maxQueued how many records may wait; further ones are refused
 */
export function createKafkaProducer(options: ClusterOptions & { partitions: Promise<number>; maxQueued: number }) {
  const { timeoutMs, partitions, maxQueued, logger } = options;
  let queue: Waiting[] = [];
  let sending: Promise<void> | null = null;
  let link: Promise<Link> | undefined;
  let stopped = false;

  /** Resolves when the record is in the log; rejects with `UnavailableError` after the timeout at the latest. */
  function send(record: Outgoing): Promise<void> {
    if (stopped) return Promise.reject(new UnavailableError('The server is stopping: try again.'));
    if (queue.length >= maxQueued) {
      return Promise.reject(new UnavailableError('The server cannot keep up now: try again in a moment.'));
    }
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => (error ? reject(error) : resolve());
      queue.push(wait(record, timeoutMs, settle));
      sending ??= new Promise<void>(setImmediate).then(sendAll);
    });
  }

  async function sendAll(): Promise<void> {
    for (;;) {
      queue = queue.filter(({ isOver }) => !isOver);
      if (queue.length === 0) break;
      await sendBatch(queue.splice(0, countBatch(queue)));
    }
    sending = null;
  }

  async function sendBatch(batch: readonly Waiting[]): Promise<void> {
    const lastDeadline = batch.at(-1)?.deadline ?? 0;
    const givenUp = new AbortController();
    try {
      await within(Math.max(lastDeadline - Date.now(), 1), transmit(batch, givenUp.signal));
      for (const one of batch) one.settle();
    } catch (error) {
      logger.warn({ error, records: batch.length }, 'records were not stored; a new producer takes over');
      givenUp.abort();
      closeLink();
      for (const one of batch) one.settle(new UnavailableError(away, { cause: error }));
    }
  }

  async function transmit(batch: readonly Waiting[], givenUp: AbortSignal): Promise<void> {
    const partitionOf = createPartitionOf(await partitions);
    givenUp.throwIfAborted();
    link ??= openLink(options);
    const { producer } = await link;
    givenUp.throwIfAborted();
    const topicMessages = toMessages(
      batch.map(({ record }) => record),
      partitionOf,
    );
    const stored = await producer.sendBatch({ acks: -1, timeout: timeoutMs, topicMessages });
    checkStored(stored, topicMessages);
  }

  function closeLink(): void {
    link?.then(({ client }) => client.close()).catch(() => {});
    link = undefined;
  }

  return {
    send,
    /** Lets what was taken end, each record within its time. */
    async stop(): Promise<void> {
      stopped = true;
      await sending;
      const { producer } = (await link?.catch(() => undefined)) ?? {};
      await (producer && within(timeoutMs, producer.disconnect()).catch(() => {}));
      closeLink();
    },
  };
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

function wait(record: Outgoing, timeoutMs: number, settle: (error?: Error) => void): Waiting {
  const timer = setTimeout(() => waiting.settle(new UnavailableError(away)), timeoutMs);
  const waiting: Waiting = {
    record,
    bytes: sizeOf(record),
    deadline: Date.now() + timeoutMs,
    isOver: false,
    settle(error) {
      clearTimeout(timer);
      waiting.isOver = true;
      settle(error);
    },
  };
  return waiting;
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
