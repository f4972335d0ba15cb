import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { UnavailableError } from '../../api/errors.ts';
import type { EventLog } from '../../api/infra/event-log/event-log.ts';
import { createKafkaEventLog } from '../../api/infra/event-log/kafka.ts';
import { record } from '../contract/event-log.ts';
import { createAppender, createLogDatabase, type LogDatabase, ofKey } from '../support/log-database.ts';
import { createTestLogger } from '../support/logger.ts';
import { createOpening } from '../support/opening.ts';
import { patienceMs } from '../support/patience.ts';
import { type KafkaService, startOwnKafka } from '../support/services/kafka.ts';

const partitions = 4;
const sessionTimeoutMs = 4_000;

let broker: KafkaService;
beforeAll(async () => {
  broker = await startOwnKafka();
});
afterAll(() => broker.stop());

const opening = createOpening();

function openLog(timeoutMs = patienceMs) {
  const options = { brokers: [broker.brokers], topicPrefix: `test-${randomUUID()}`, partitions, replication: 1 };
  const times = { timeoutMs, retryMs: 20, sessionTimeoutMs };
  return opening(createKafkaEventLog({ ...options, ...times, logger: createTestLogger() }));
}

test('has every acknowledged record once and in order after the broker was killed during appends', async () => {
  const log = openLog();
  const database = createLogDatabase();
  opening(await log.consume(database.handler()));
  const appender = opening(createAppender(log));
  await waitForMore(appender.acknowledged);

  for (let n = 0; n < 2; n++) {
    await broker.kill('SIGKILL');
    await broker.restart();
    await waitForMore(appender.acknowledged);
  }

  const { texts, acknowledged } = await appender.stop();
  await expectAll(database, acknowledged);
  for (let key = 0; key < 7; key++) expect(ofKey(key, texts)).toEqual(expect.arrayContaining(ofKey(key, taken())));
  for (let key = 0; key < 7; key++) expect(ofKey(key, taken())).toEqual([...ofKey(key, taken())].sort(byNumber));
  function taken(): string[] {
    return database.texts();
  }
});

test('rejects appends in time while the broker is down, and has every acknowledged record afterwards', async () => {
  const log = openLog(1_000);
  const database = createLogDatabase();
  opening(await log.consume(database.handler()));
  const appender = opening(createAppender(log));
  await waitForMore(appender.acknowledged);

  await broker.kill('SIGKILL');
  await expectRejection(log);
  await expect(log.ready()).rejects.toBeInstanceOf(UnavailableError);
  await broker.restart();
  await waitForMore(appender.acknowledged);
  await vi.waitFor(() => log.ready());

  const { acknowledged } = await appender.stop();
  await expectAll(database, acknowledged);
});

test('rejects appends in time while the broker hangs, and continues when it resumes', async () => {
  const log = openLog(1_000);
  const database = createLogDatabase();
  opening(await log.consume(database.handler()));
  const appender = opening(createAppender(log));
  await waitForMore(appender.acknowledged);

  await broker.kill('SIGSTOP');
  await expectRejection(log);
  await broker.kill('SIGCONT');
  await waitForMore(appender.acknowledged);

  const { acknowledged } = await appender.stop();
  await expectAll(database, acknowledged);
});

test('waits for a broker that is down at the start', async () => {
  await broker.kill('SIGKILL');
  const log = openLog(500);
  const database = createLogDatabase();
  opening(await log.consume(database.handler()));
  await expect(log.append(record('k', '0 early'))).rejects.toBeInstanceOf(UnavailableError);
  await expect(log.ready()).rejects.toBeInstanceOf(UnavailableError);

  await broker.restart();

  await vi.waitFor(() => log.append(record('k', '0 late')));
  await vi.waitFor(() => expect(database.texts()).toContain('0 late'));
  expect(database.texts()).not.toContain('0 early');
});

test('stops while the broker is down', async () => {
  const log = openLog(500);
  const database = createLogDatabase();
  await log.consume(database.handler());
  await log.append(record('k', '0 a'));
  await vi.waitFor(() => expect(database.texts()).toEqual(['0 a']));

  await broker.kill('SIGKILL');
  await log.stop();
  const early = openLog(500);
  await early.consume(database.handler());
  await early.stop();

  await broker.restart();
});

test('keeps its partitions while a handler takes longer than the session', async () => {
  const log = openLog();
  const database = createLogDatabase();
  const held: number[] = [];
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const handler = database.handler(async ({ partition }) => {
    if (held.length === 0) held.push(partition);
    if (held[0] === partition) await released;
  });
  opening(await log.consume(handler));
  const appender = opening(createAppender(log));
  await vi.waitFor(() => expect(held).toHaveLength(1));
  const since = Date.now();

  await vi.waitFor(() => expect(Date.now() - since).toBeGreaterThan(3 * sessionTimeoutMs));
  expect(database.assignments).toHaveLength(partitions);
  release();

  const { texts } = await appender.stop();
  await vi.waitFor(() => expect(database.texts()).toHaveLength(texts.length));
  for (let key = 0; key < 7; key++) expect(ofKey(key, database.texts())).toEqual(ofKey(key, texts));
  expect(database.assignments).toHaveLength(partitions);
});

async function waitForMore(acknowledged: readonly string[]): Promise<void> {
  const before = acknowledged.length;
  await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(before + 500));
}

/** Expects an append to fail instead of waiting for the broker. The limit is many times its timeout, for slow machines. */
async function expectRejection(log: Pick<EventLog, 'append'>): Promise<void> {
  const late = delay(30_000, 'late', { ref: false });
  const appended = log.append(record('k', '0 x')).catch((error: unknown) => error);
  expect(await Promise.race([appended, late])).toBeInstanceOf(UnavailableError);
}

/** Waits until the database has every acknowledged record, and expects no duplicates. */
async function expectAll(database: LogDatabase, acknowledged: readonly string[]): Promise<void> {
  const missing = () => {
    const there = new Set(database.texts());
    return acknowledged.filter((text) => !there.has(text));
  };
  await vi.waitFor(() => expect(missing()).toEqual([]));
  expect(new Set(database.texts()).size).toBe(database.texts().length);
}

function byNumber(one: string, other: string): number {
  return Number(one.split(' ')[1]) - Number(other.split(' ')[1]);
}
