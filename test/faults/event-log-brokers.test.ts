import { randomUUID } from 'node:crypto';
import kafkajs, { type Admin } from 'kafkajs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { UnavailableError } from '../../api/errors.ts';
import { createKafkaEventLog } from '../../api/infra/event-log/kafka.ts';
import { createPartitionOf } from '../../api/infra/event-log/kafka-messages.ts';
import { record } from '../contract/event-log.ts';
import { createLogDatabase } from '../support/log-database.ts';
import { createTestLogger } from '../support/logger.ts';
import { type KafkaService, startOwnKafkas } from '../support/services/kafka.ts';

const timeoutMs = 8_000;

let brokers: KafkaService[] = [];
let admin: Admin;

beforeAll(async () => {
  brokers = await startOwnKafkas(3);
  const addresses = brokers.map((broker) => broker.brokers);
  admin = new kafkajs.Kafka({ brokers: addresses, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
});
afterAll(async () => {
  await admin?.disconnect();
  await Promise.all(brokers.map((broker) => broker.stop()));
});

function openLog(settings: { partitions: number; replication: number; topicPrefix?: string }) {
  const logger = createTestLogger();
  const addresses = brokers.map((broker) => broker.brokers);
  const times = { timeoutMs, retryMs: 50, sessionTimeoutMs: 3_000, commitMs: 50 };
  const log = createKafkaEventLog({
    brokers: addresses,
    topicPrefix: `test-${randomUUID()}`,
    ...times,
    ...settings,
    logger,
  });
  return { ...log, logger };
}

/** Returns a key whose records go to a partition. */
function keyOf(partition: number, partitions: number): string {
  const partitionOf = createPartitionOf(partitions);
  for (let n = 0; ; n++) if (partitionOf({ topic: '', ...record(`key ${n}`, '') }) === partition) return `key ${n}`;
}

async function leaderOf(topic: string, partition: number): Promise<number> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  return topics[0]?.partitions.find(({ partitionId }) => partitionId === partition)?.leader ?? -1;
}

test('a topic on three brokers keeps acknowledged records on at least two, and nothing is logged as a warning', async () => {
  const log = openLog({ partitions: 1, replication: 3 });
  await log.ready();
  const type = kafkajs.ConfigResourceTypes.TOPIC;
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type, name: log.name, configNames: ['min.insync.replicas'] }],
  });
  expect(resources[0]?.configEntries[0]?.configValue).toBe('2');
  expect(log.logger.lines.filter(({ level }) => level === 'warn')).toEqual([]);
  await log.stop();
});

test('while a partition has no leader the others are written and read, even by consumers that join later', async () => {
  const partitions = 3;
  const topicPrefix = `test-${randomUUID()}`;
  const log = openLog({ partitions, replication: 1, topicPrefix });
  const keys = Array.from({ length: partitions }, (_, partition) => keyOf(partition, partitions));
  const database = createLogDatabase();
  const consumption = await log.consume(database.handler());
  const appendAll = (text: string) => Promise.allSettled(keys.map((key) => log.append(record(key, text))));
  const missing = (text: string) => keys.map((_, n) => n).filter((n) => !database.taken.get(n)?.includes(text));
  await appendAll('before');
  await vi.waitFor(() => expect(missing('before')).toEqual([]));
  await log.ready();

  const dead = 1;
  const broker = brokers[(await leaderOf(log.name, dead)) - 1] as KafkaService;
  await broker.kill('SIGKILL');
  const round = async (text: string) => {
    const outcomes = await appendAll(text);
    return outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []));
  };
  await vi.waitFor(async () => expect(await round('first')).toEqual([dead]));
  await vi.waitFor(() => expect(missing('first')).toEqual([dead]));
  await expect(log.ready()).rejects.toBeInstanceOf(UnavailableError);
  expect(await round('second')).toEqual([dead]);
  await vi.waitFor(() => expect(missing('second')).toEqual([dead]));

  await consumption.stop();
  const later = openLog({ partitions, replication: 1, topicPrefix });
  await later.consume(database.handler());
  const [healthy] = keys;
  await later.append(record(healthy as string, 'third'));
  await vi.waitFor(() => expect(missing('third')).toEqual([1, 2]));

  await broker.restart();
  await vi.waitFor(async () => expect(await round('fourth')).toEqual([]));
  await vi.waitFor(() => expect(missing('fourth')).toEqual([]));
  await vi.waitFor(() => later.ready());
  for (const one of [log, later]) await one.stop();
});
