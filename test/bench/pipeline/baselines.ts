import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { percentile } from '../../support/percentile.ts';
import { findPrograms } from '../../support/services/postgres.ts';
import type { Services } from '../parley.ts';

/** Measures the rows per second that PostgreSQL inserts, one per transaction, for 16 clients. */
export async function measurePgbench({ postgres }: Services, seconds: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-bench-'));
  const program = (name: string) => findPrograms().then((bin) => join(bin, name));
  const run = promisify(execFile);
  const table =
    'CREATE TABLE bench_row (id uuid PRIMARY KEY, channel uuid, author uuid, seq int, text text, at timestamptz)';
  const insert =
    "INSERT INTO bench_row VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 'T=00001234.567 and the rest of the message', now());";
  const file = join(directory, 'insert.sql');
  await writeFile(file, insert);
  const url = await postgres.createDatabase();
  await run(await program('psql'), [url, '-c', table]);
  const asked = ['-n', '-c', '16', '-j', '2', '-T', String(seconds), '-f', file, `${url}?sslmode=disable`];
  const { stdout } = await run(await program('pgbench'), asked);
  await rm(directory, { recursive: true });
  return Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
}

/** Measures the median time in milliseconds from append to consumption of a record, with only Kafka and its client. */
export async function measureKafka({ kafka }: Services, rate: number, seconds: number): Promise<number> {
  const client = new Kafka({ brokers: kafka.brokers.split(','), logLevel: logLevel.NOTHING });
  const topic = `bench-${randomUUID()}`;
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  const consumer = client.consumer({ groupId: topic, maxWaitTimeInMs: 100 });
  const producer = client.producer({ idempotent: true });
  await Promise.all([consumer.connect(), producer.connect()]);
  const delays: number[] = [];
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => void delays.push(performance.now() - Number(message.value)),
  });
  await producer.send({ topic, acks: -1, messages: [{ value: String(performance.now()) }] });
  while (delays.length === 0) await setTimeout(10);
  delays.length = 0;
  for (let n = 0; n < rate * seconds; n++) {
    await Promise.all([
      producer.send({ topic, acks: -1, messages: [{ value: String(performance.now()) }] }),
      setTimeout(1_000 / rate),
    ]);
  }
  await setTimeout(200);
  await Promise.all([consumer.disconnect(), producer.disconnect(), admin.disconnect()]);
  return percentile(delays, 0.5);
}
