import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { beforeAll, expect, test, vi } from 'vitest';
import { createLogAcceptance } from '../../api/bridge/accept-log.ts';
import { createBridge } from '../../api/bridge/bridge.ts';
import { type ChannelEvent, encodeEvent } from '../../api/events.ts';
import { createKafkaEventLog } from '../../api/infra/event-log/kafka.ts';
import { createMemoryPubSub } from '../../api/infra/pubsub/memory.ts';
import { openDatabase, type TestDatabase } from '../support/database.ts';
import { base, idOf, opened, room } from '../support/events.ts';
import { createTestLogger } from '../support/logger.ts';
import { createOpening } from '../support/opening.ts';
import { patienceMs } from '../support/patience.ts';
import { sharedKafka } from '../support/services/shared.ts';

let brokers: string[];
let database: TestDatabase;
const opening = createOpening();
const metrics = { applied: () => {}, deadLettered: () => {}, publishFailed: () => {} };

beforeAll(async () => {
  brokers = (await sharedKafka()).split(',');
  database = await openDatabase();
  return () => database.stop();
});

test('a bridge stops when its topic is created again, however long it is, and continues where an operator decides', async () => {
  const logger = createTestLogger();
  const topicPrefix = `test-${randomUUID()}`;
  const times = { timeoutMs: patienceMs, retryMs: 10, commitMs: 50 };
  const log = opening(createKafkaEventLog({ brokers, topicPrefix, partitions: 2, replication: 1, ...times, logger }));
  const pubsub = opening(createMemoryPubSub({ logger }));
  const bridge = opening(createBridge({ log, database, pubsub, metrics, logger }));
  const acceptance = createLogAcceptance(log, database);
  await bridge.start();
  const partition = await log.partitionOf(room);
  for (const event of [opened(), sent('a'), sent('b')]) await log.append(encodeEvent(event));
  await vi.waitFor(async () => expect(await texts()).toEqual(['a', 'b']));
  expect((await acceptance.status())[partition]).toMatchObject({ next: 3n, begin: 0n, end: 3n, problem: null });

  await makeAnew(log.name);
  await vi.waitFor(() => log.append(encodeEvent(sent('c'))));
  for (const text of ['d', 'e', 'f', 'g']) await log.append(encodeEvent(sent(text)));

  await vi.waitFor(() => expect(bridge.stopped()).toBe(1));
  await expect(bridge.ready()).rejects.toThrow(`Partition ${partition} waits`);
  expect((await acceptance.status())[partition]?.problem).toContain('was created again');
  expect(await texts()).toEqual(['a', 'b']);
  await expect(acceptance.accept(partition, 9n)).rejects.toThrow('holds offsets 0 to 5');

  await acceptance.accept(partition, 'begin');
  await vi.waitFor(async () => expect(await texts()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']));
  await vi.waitFor(() => bridge.ready());
});

async function makeAnew(topic: string): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await vi.waitFor(() => admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }));
  await admin.disconnect();
}

function sent(text: string): ChannelEvent {
  const message = { messageId: idOf(text), clientId: text, text, replyToId: null, attachments: [] };
  return { ...base('owner'), type: 'MessageSent', ...message };
}

async function texts(): Promise<string[]> {
  const rows = await database.query<{ text: string }>(`SELECT text FROM entry WHERE kind = 'TEXT' ORDER BY seq`);
  return rows.map(({ text }) => text);
}
