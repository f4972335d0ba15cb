import { NotReadyError, TooLargeError, UnavailableError } from '../../errors.ts';
import type { Consumption, EventLog, LogHandler, LogRecord, StoredRecord } from './event-log.ts';
import { type ClusterOptions, within } from './kafka-client.ts';
import { createKafkaConsumption } from './kafka-consumer.ts';
import { createPartitionOf, maxRecordBytes, type PartitionOf, sizeOf } from './kafka-messages.ts';
import { createKafkaProducer } from './kafka-producer.ts';
import { createTopics } from './kafka-topics.ts';

/** Options of the log over Kafka. Times are in milliseconds. */
interface KafkaOptions extends ClusterOptions {
  /** Prefix of the topics and of the consumer group. */
  topicPrefix: string;
  /** Number of partitions of a new topic; an existing topic keeps its own. */
  partitions: number;
  /** Replication factor of a new topic; an existing topic keeps its own. */
  replication: number;
  /** Time for which a new topic keeps dead letters. Default 30 days. */
  deadLetterRetentionMs?: number;
  /** Maximum number of pending appends; further ones fail. Default 20,000. */
  maxQueued?: number;
  /** Time between attempts after a handler fails or a broker is away. Default 200. */
  retryMs?: number;
  /** Time after which a consumer without heartbeats loses its partitions; brokers accept 6,000 or more by default. Default 6,000. */
  sessionTimeoutMs?: number;
  /** Interval at which offsets are committed, for measurements of lag. Default 5,000. */
  commitMs?: number;
}

/** Longer reasons are truncated: brokers limit the size of records, headers included. */
const maxReasonLength = 1_000;

/**
 * Creates the event log over Apache Kafka. `append` resolves when all in-sync replicas have the record, and fails at the latest
 * after `timeoutMs`. Everything else is retried until it succeeds: a broker may be away at the start too.
 */
export function createKafkaEventLog(options: KafkaOptions) {
  const {
    topicPrefix,
    timeoutMs,
    maxQueued = 20_000,
    retryMs = 200,
    sessionTimeoutMs = 6_000,
    commitMs = 5_000,
  } = options;
  const topic = `${topicPrefix}.events`;
  const deadLetterTopic = `${topicPrefix}.dead-letters`;
  const { deadLetterRetentionMs = 30 * 86_400_000 } = options;
  const topics = createTopics({ ...options, topic, deadLetterTopic, deadLetterRetentionMs, retryMs });
  const producer = createKafkaProducer({ ...options, partitions: topics.prepared, maxQueued });
  const consumptions = new Set<Consumption>();
  let partitionOf: PartitionOf | undefined;

  return {
    name: topic,
    partitions: () => within(timeoutMs, topics.prepared),
    async partitionOf(key: string): Promise<number> {
      partitionOf ??= createPartitionOf(await within(timeoutMs, topics.prepared));
      return partitionOf({ key, topic, value: new Uint8Array(), headers: {} });
    },
    async append(record: LogRecord): Promise<void> {
      if (sizeOf(record) > maxRecordBytes) throw new TooLargeError('An event is too large to be kept.', maxRecordBytes);
      await producer.send({ ...record, topic });
    },
    async consume(handler: LogHandler): Promise<Consumption> {
      const times = { retryMs, sessionTimeoutMs, commitMs };
      const { prepared: partitions, bounds, identity } = topics;
      const group = `${topicPrefix}.bridge`;
      const consumption = createKafkaConsumption({
        ...options,
        ...times,
        topic,
        group,
        handler,
        partitions,
        bounds,
        identity,
      });
      consumptions.add(consumption);
      return {
        async stop() {
          consumptions.delete(consumption);
          await consumption.stop();
        },
      };
    },
    /** Appends the record to the topic `<prefix>.dead-letters`, with headers for its origin and the reason. */
    async deadLetter(partition: number, record: StoredRecord, reason: string): Promise<void> {
      const origin = { 'parley-topic': topic, 'parley-partition': String(partition) };
      const cause = { 'parley-offset': String(record.offset), 'parley-reason': reason.slice(0, maxReasonLength) };
      const headers = { ...record.headers, ...origin, ...cause };
      await producer.send({ ...record, headers, topic: deadLetterTopic, partition: 0 });
    },
    async describe() {
      const [identity, bounds] = await Promise.all([topics.identity(), topics.bounds()]);
      return { ...identity, bounds };
    },
    async ready(): Promise<void> {
      await topics.ready().catch((error: unknown) => {
        if (error instanceof NotReadyError) throw error;
        throw new UnavailableError('Kafka cannot be reached: check that its brokers are running.', { cause: error });
      });
    },
    async stop(): Promise<void> {
      await Promise.all([...consumptions].map((one) => one.stop()));
      await producer.stop();
      topics.stop();
    },
  } satisfies EventLog;
}
