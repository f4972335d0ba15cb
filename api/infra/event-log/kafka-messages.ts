import kafkajs, { type Message, type RecordMetadata, type TopicMessages } from 'kafkajs';
import type { LogRecord } from './event-log.ts';

/** A record to send to a topic. */
export interface Outgoing extends LogRecord {
  topic: string;
  /** Partition to send to; derived from the key if left out. */
  partition?: number;
}

/** Returns the partition of a record. */
export type PartitionOf = (record: Outgoing) => number;

/** Maximum size of a request and so of a record: a request has one batch per partition, and brokers accept up to 1 MiB of it. */
export const maxRecordBytes = 512 * 1024;

/** Returns the approximate size of a record in bytes. */
export function sizeOf({ key, value, headers }: LogRecord): number {
  const words = Object.entries(headers).flat();
  return value.length + [key, ...words].reduce((sum, word) => sum + Buffer.byteLength(word), 0);
}

/** Creates the mapping from keys to partitions that Kafka's own clients use. */
export function createPartitionOf(partitions: number): PartitionOf {
  const partition = kafkajs.Partitioners.DefaultPartitioner();
  const partitionMetadata = Array.from({ length: partitions }, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: 0,
    replicas: [],
    isr: [],
  }));
  return (record) =>
    record.partition ??
    partition({ topic: record.topic, partitionMetadata, message: { key: record.key, value: null } });
}

/** Returns the records by topic in the form that kafkajs takes, each with its partition. */
export function toMessages(records: readonly Outgoing[], partitionOf: PartitionOf): TopicMessages[] {
  const topics = new Map<string, Message[]>();
  for (const record of records) {
    const messages = topics.get(record.topic) ?? [];
    messages.push(toMessage(record, partitionOf(record)));
    topics.set(record.topic, messages);
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}

function toMessage({ key, value, headers }: LogRecord, partition: number): Message {
  return { key, value: Buffer.from(value.buffer, value.byteOffset, value.length), headers: { ...headers }, partition };
}

/**
 * Checks that every partition of a request was stored: if a partition moves to another broker between two attempts, kafkajs may
 * report success without having sent it.
 * @throws Error for a partition that confirmed nothing
 */
export function checkStored(stored: RecordMetadata[], sent: TopicMessages[]): void {
  const kept = new Set(stored.map(({ topicName, partition }) => `${topicName} ${partition}`));
  for (const { topic, messages } of sent) {
    const lost = messages.find(({ partition }) => !kept.has(`${topic} ${partition}`));
    if (lost) throw new Error(`partition ${lost.partition} of ${topic} confirmed nothing`);
  }
}
