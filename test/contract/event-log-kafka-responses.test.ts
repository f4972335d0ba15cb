import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createKafkaEventLog } from '../../api/infra/event-log/kafka.ts';
import { freePort } from '../support/free-port.ts';
import { createLogDatabase } from '../support/log-database.ts';
import { createTestLogger } from '../support/logger.ts';
import { patienceMs } from '../support/patience.ts';
import { type KafkaService, startOwnKafka } from '../support/services/kafka.ts';
import { type KafkaProxy, startKafkaProxy } from '../support/services/kafka-proxy.ts';
import { record } from './event-log.ts';

const rounds = 20;

let proxy: KafkaProxy;
let broker: KafkaService;

beforeAll(async () => {
  const port = await freePort();
  proxy = await startKafkaProxy(port);
  broker = await startOwnKafka({ port, advertisedPort: proxy.port });
});
afterAll(async () => {
  await broker?.stop();
  proxy?.stop();
});

test('appends made at the same time are sent in one request', async () => {
  const brokers = [`127.0.0.1:${proxy.port}`];
  const options = {
    brokers,
    topicPrefix: `test-${randomUUID()}`,
    partitions: 4,
    replication: 1,
    timeoutMs: patienceMs,
  };
  const log = createKafkaEventLog({ ...options, logger: createTestLogger() });
  await log.append(record('k', 'the first waits for a connection'));
  const before = proxy.produced();

  await Promise.all(Array.from({ length: 100 }, (_, n) => log.append(record(`key ${n}`, `${n}`))));

  expect(proxy.produced()).toBe(before + 1);
  await log.stop();
});

test('a request whose response is lost is neither confused with the next one nor stored twice', async () => {
  const brokers = [`127.0.0.1:${proxy.port}`];
  const options = {
    brokers,
    topicPrefix: `test-${randomUUID()}`,
    partitions: 1,
    replication: 1,
    timeoutMs: patienceMs,
  };
  const log = createKafkaEventLog({ ...options, logger: createTestLogger() });
  const texts: string[] = [];
  for (let round = 0; round < rounds; round++) {
    proxy.loseNextResponse();
    const burst = Array.from({ length: 4 }, (_, n) => `${round} ${n}`);
    texts.push(...burst);
    await appendEach(burst);
  }
  expect(proxy.lost()).toBe(rounds);

  const database = createLogDatabase();
  await log.consume(database.handler());
  await vi.waitFor(() => expect(database.texts()).toContain(`${rounds - 1} 3`));
  expect(database.texts()).toEqual(texts);
  await log.stop();

  /** Appends one text per turn of the event loop: without queueing, each would be sent in its own request. */
  async function appendEach(burst: readonly string[]): Promise<void> {
    const appended: Promise<void>[] = [];
    for (const text of burst) {
      appended.push(log.append(record('k', text)));
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    }
    await Promise.all(appended);
  }
});
