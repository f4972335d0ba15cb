import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startApp } from '../support/app.ts';
import { guest, type Person } from '../support/client.ts';
import { type KafkaService, startOwnKafka } from '../support/services/kafka.ts';
import { type PostgresService, startOwnPostgres } from '../support/services/postgres.ts';
import { type RedisService, startOwnRedis } from '../support/services/redis.ts';
import type { Server } from '../support/services/server.ts';

/** Longer than a test may take: no limit of the services ends an operation here, only the clock of its request. */
const endlessMs = String(24 * 3_600_000);

let services: { kafka: KafkaService; postgres: PostgresService; redis: RedisService };
let app: Awaited<ReturnType<typeof startApp>>;
let ada: Person;
let channelId: string;

beforeAll(async () => {
  const [kafka, postgres, redis] = await Promise.all([startOwnKafka(), startOwnPostgres(), startOwnRedis()]);
  services = { kafka, postgres, redis };
  app = await startApp({
    DATABASE_URL: await postgres.createDatabase(),
    REDIS_URL: redis.url,
    KAFKA_BROKERS: kafka.brokers,
    DATABASE_STATEMENT_TIMEOUT_MS: endlessMs,
    SEND_TIMEOUT_MS: '3000',
    EXECUTION_TIMEOUT_MS: '3000',
    RATE_LIMITS: 'on',
    JWT_SECRET: 'a secret of the tests: 32 characters or more',
    LOG_LEVEL: 'error',
  });
  await vi.waitFor(async () => (ada = await guest(app.url, 'Ada')));
  const room = 'mutation { createRoom(input: { name: "Tea", visibility: PUBLIC, clientId: "tea" }) { id } }';
  await vi.waitFor(async () => (channelId = (await ada.ask(room)).createRoom.id));
});
afterAll(async () => {
  await app?.stop();
  for (const service of Object.values(services ?? {})) await service.stop();
});

const send =
  'mutation ($channelId: ID!, $clientId: String!) { send(input: { channelId: $channelId, text: "Hello", clientId: $clientId }) { message { id } } }';
const list = '{ me { id channels(first: 5) { edges { node { id } } } } }';

/** Sends until the message is there: it is the one that an earlier try may have made. */
const sendAgain = (variables: object) => vi.waitFor(async () => (await ada.ask(send, variables)).send.message.id);

/** Stops a service while some work runs: it accepts connections and never responds. */
async function whileHung<Result>(service: Server, work: () => Promise<Result>): Promise<Result> {
  await service.kill('SIGSTOP');
  try {
    return await work();
  } finally {
    await service.kill('SIGCONT');
  }
}

describe('while a service hangs, each operation gets a response in time, and a retry settles it', () => {
  test('PostgreSQL', async () => {
    const variables = { channelId, clientId: randomUUID() };
    const codes = await whileHung(services.postgres, () =>
      Promise.all([ada.codeOf(send, variables), ada.codeOf(list)]),
    );
    expect(codes).toEqual(['UNAVAILABLE', 'UNAVAILABLE']);
    const id = await sendAgain(variables);
    expect(await sendAgain(variables)).toBe(id);
  });

  test('Kafka', async () => {
    const variables = { channelId, clientId: randomUUID() };
    const codes = await whileHung(services.kafka, async () => [
      await ada.codeOf(send, variables),
      await ada.codeOf(list),
    ]);
    expect(codes).toEqual(['UNAVAILABLE', null]);
    await sendAgain(variables);
  });

  test('Redis', async () => {
    const variables = { channelId, clientId: randomUUID() };
    const codes = await whileHung(services.redis, () => Promise.all([ada.codeOf(send, variables), ada.codeOf(list)]));
    for (const code of codes) expect([null, 'UNAVAILABLE']).toContain(code);
    await sendAgain(variables);
  });
});
