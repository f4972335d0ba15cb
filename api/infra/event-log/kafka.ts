import { TooLargeError, UnavailableError } from '../../errors.ts';
import type { Consumption, EventLog, LogHandler, LogRecord, StoredRecord } from './event-log.ts';
import type { ClusterOptions } from './kafka-client.ts';
import { createKafkaConsumption } from './kafka-consumer.ts';
import { maxRecordBytes, sizeOf } from './kafka-messages.ts';
import { createKafkaProducer } from './kafka-producer.ts';
import { createTopics } from './kafka-topics.ts';

/** Where the log is, and how long things may take; all times are in milliseconds. */
interface KafkaOptions extends ClusterOptions {
  /** Begins the names of the topics and of the consumers' group. */
  topicPrefix: string;
  /** With how many partitions the topic is made; one that is there keeps those that it has. */
  partitions: number;
  /** On how many brokers each record is kept; a topic that is there keeps its own. */
  replication: number;
  /** How many records may wait to be stored; further appends are refused. */
  maxQueued?: number;
  /** How long a failed handler, or a broker that is away, is left alone. */
  retryMs?: number;
  /** After which a consumer without a sign of life loses its partitions; a broker takes at least 6,000 unless told. */
  sessionTimeoutMs?: number;
  /** How often Kafka is told how far the log was handled, for whoever measures the lag. */
  commitMs?: number;
}

/** A reason longer than this is cut: a broker bounds records, headers included. */
const maxReasonLength = 1_000;

/**
 * The log over Apache Kafka. `append` resolves when all replicas in sync have the record, and fails after `timeoutMs`
 * at the latest. Whatever fails is tried anew: a broker that is away is waited for, also at the start.
 */
export function createKafkaEventLog(options: KafkaOptions) {
  const { topicPrefix, maxQueued = 20_000, retryMs = 200, sessionTimeoutMs = 6_000, commitMs = 5_000 } = options;
  const topic = `${topicPrefix}.events`;
  const deadLetterTopic = `${topicPrefix}.dead-letters`;
  const topics = createTopics({ ...options, topic, deadLetterTopic, retryMs });
  const producer = createKafkaProducer({ ...options, partitions: topics.prepared, maxQueued });
  const consumptions = new Set<Consumption>();

  return {
    name: topic,
    async append(record: LogRecord): Promise<void> {
      if (sizeOf(record) > maxRecordBytes) throw new TooLargeError('An event is too large to be kept.', maxRecordBytes);
      await producer.send({ ...record, topic });
    },
    async consume(handler: LogHandler): Promise<Consumption> {
      const times = { retryMs, sessionTimeoutMs, commitMs };
      const { prepared: partitions, bounds } = topics;
      const group = `${topicPrefix}.bridge`;
      const consumption = createKafkaConsumption({ ...options, ...times, topic, group, handler, partitions, bounds });
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
    async ready(): Promise<void> {
      await topics.ready().catch((error: unknown) => {
        throw new UnavailableError('Kafka cannot be reached: see that its brokers run.', { cause: error });
      });
    },
    async stop(): Promise<void> {
      await Promise.all([...consumptions].map((one) => one.stop()));
      await producer.stop();
      topics.stop();
    },
  } satisfies EventLog;
}
