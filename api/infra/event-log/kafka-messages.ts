import kafkajs, { type Message, type RecordMetadata, type TopicMessages } from 'kafkajs';
import type { LogRecord } from './event-log.ts';

/** A record on its way to a topic. */
export interface Outgoing extends LogRecord {
  topic: string;
  /** Where it is to go; by its key unless told. */
  partition?: number;
}

/** Where a record is to go. */
export type PartitionOf = (record: Outgoing) => number;

/** A request holds no more, and so no record may: it makes one batch a partition, of which a broker takes 1 MiB at most. */
export const maxRecordBytes = 512 * 1024;

/** The bytes of a record, about. */
export function sizeOf({ key, value, headers }: LogRecord): number {
  const words = Object.entries(headers).flat();
  return value.length + [key, ...words].reduce((sum, word) => sum + Buffer.byteLength(word), 0);
}

/** Where Kafka's own clients put a key. */
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

/** The records of each topic as kafkajs takes them, each with its partition. */
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

/** When a partition changes its broker between two attempts, kafkajs may say that all went well and not have sent it. */
export function checkStored(stored: RecordMetadata[], sent: TopicMessages[]): void {
  const kept = new Set(stored.map(({ topicName, partition }) => `${topicName} ${partition}`));
  for (const { topic, messages } of sent) {
    const lost = messages.find(({ partition }) => !kept.has(`${topic} ${partition}`));
    if (lost) throw new Error(`partition ${lost.partition} of ${topic} confirmed nothing`);
  }
}
