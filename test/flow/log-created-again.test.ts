import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { beforeAll, expect, test, vi } from 'vitest';
import { createBridge } from '../../api/bridge/bridge.ts';
import { paths } from '../../api/config.ts';
import { encodeEvent } from '../../api/event-records.ts';
import type { NewEvent } from '../../api/events.ts';
import type { SqlDatabase } from '../../api/infra/database/database.ts';
import { createPostgresDatabase } from '../../api/infra/database/postgres.ts';
import { createKafkaEventLog } from '../../api/infra/event-log/kafka.ts';
import { createMemoryPubSub } from '../../api/infra/pubsub/memory.ts';
import { noBridgeMetrics } from '../support/bridge-metrics.ts';
import { base, idOf, opened, room } from '../support/events.ts';
import { createTestLogger } from '../support/logger.ts';
import { createOpening } from '../support/opening.ts';
import { patienceMs } from '../support/patience.ts';
import { createSharedDatabase, sharedKafka } from '../support/services/shared.ts';

let brokers: string[];
let databaseUrl: string;
let database: SqlDatabase;
const opening = createOpening();

beforeAll(async () => {
  brokers = (await sharedKafka()).split(',');
  databaseUrl = await createSharedDatabase();
  const { migrations } = paths;
  database = await createPostgresDatabase({ url: databaseUrl, pool: 5, statementTimeoutMs: patienceMs, migrations });
  return () => database.stop();
});

test('a bridge stops when its topic is created again, however long it is, and continues where an operator decides', async () => {
  const logger = createTestLogger();
  const topicPrefix = `test-${randomUUID()}`;
  const times = { timeoutMs: patienceMs, retryMs: 10, commitMs: 50 };
  const log = opening(createKafkaEventLog({ brokers, topicPrefix, partitions: 2, replication: 1, ...times, logger }));
  const pubsub = opening(createMemoryPubSub({ logger }));
  const bridge = opening(createBridge({ log, database, pubsub, metrics: noBridgeMetrics, logger }));
  await bridge.start();
  const partition = await log.partitionOf(room);
  for (const event of [opened(), sent('a'), sent('b')]) await log.append(encodeEvent(event));
  await vi.waitFor(async () => expect(await texts()).toEqual(['a', 'b']));
  const ok = `partition ${partition}: next 3, log 0 to 3: ok`;
  expect((await command(topicPrefix, 'status')).split('\n')[partition]).toBe(ok);

  await createAgain(log.name);
  await vi.waitFor(() => log.append(encodeEvent(sent('c'))));
  for (const text of ['d', 'e', 'f', 'g']) await log.append(encodeEvent(sent(text)));

  await vi.waitFor(() => expect(bridge.waiting()).toMatchObject([{ cause: 'log' }]));
  await expect(bridge.ready()).rejects.toThrow(`of these partitions wait: ${partition}`);
  expect(await texts()).toEqual(['a', 'b']);

  const accept = ['accept', '--partition', `${partition}`, '--from'];
  await expect(command(topicPrefix, ...accept, '99', '--yes')).rejects.toThrow('it cannot continue at 99');
  expect(await command(topicPrefix, ...accept, 'begin')).toContain('was created again');
  expect(bridge.waiting()).toMatchObject([{ cause: 'log' }]);
  await command(topicPrefix, ...accept, 'begin', '--yes');
  await vi.waitFor(async () => expect(await texts()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']));
  await vi.waitFor(() => bridge.ready());
});

/** Runs the operator's command with the settings of a bridge, and returns its output. */
async function command(topicPrefix: string, ...words: string[]): Promise<string> {
  const settings = { SERVICES: 'bridge', DATABASE_URL: databaseUrl, REDIS_URL: 'redis://localhost:1' };
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', 'api/commands/log.ts', ...words], {
    env: { ...settings, KAFKA_BROKERS: brokers.join(','), KAFKA_TOPIC_PREFIX: topicPrefix, KAFKA_PARTITIONS: '2' },
  });
  return stdout;
}

async function createAgain(topic: string): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await vi.waitFor(() => admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }));
  await admin.disconnect();
}

function sent(text: string): NewEvent {
  const message = { messageId: idOf(text), clientId: text, text, replyToId: null, attachments: [] };
  return { ...base('owner'), type: 'MessageSent', ...message };
}

async function texts(): Promise<string[]> {
  const rows = await database.query<{ text: string }>(`SELECT text FROM entry WHERE kind = 'TEXT' ORDER BY seq`);
  return rows.map(({ text }) => text);
}
