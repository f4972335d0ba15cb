import { randomUUID } from 'node:crypto';
import kafkajs, { type IHeaders, type KafkaMessage, type Producer } from 'kafkajs';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { wireVersion } from '../../api/event-records.ts';
import { createPartitionOf } from '../../api/infra/event-log/kafka-messages.ts';
import { readId } from '../../schema/ids.ts';
import { startApp } from '../support/app.ts';
import { guest, type Person } from '../support/client.ts';
import { expectNothingLost } from '../support/missing-column.ts';
import { fetchMetric } from '../support/probes.ts';
import { createSharedDatabase, sharedKafka, sharedRedis } from '../support/services/shared.ts';

const partitions = 2;
const prefix = `test-${randomUUID()}`;
const deadLetters: KafkaMessage[] = [];
const opened: (() => Promise<unknown>)[] = [];

let databaseUrl: string;
let app: Awaited<ReturnType<typeof startApp>>;
let producer: Producer;
let ada: Person;
/** Id of a room that each test has to itself. */
let id: string;

beforeAll(async () => {
  const [brokers, redisUrl] = await Promise.all([sharedKafka(), sharedRedis()]);
  databaseUrl = await createSharedDatabase();
  app = await startApp({
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    REDIS_PREFIX: prefix,
    KAFKA_BROKERS: brokers,
    KAFKA_TOPIC_PREFIX: prefix,
    KAFKA_PARTITIONS: `${partitions}`,
    SEND_TIMEOUT_MS: '5000',
    JWT_SECRET: randomUUID(),
  });
  opened.push(app.stop);
  ada = await guest(app.url, 'Ada');
  const kafka = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  const consumer = kafka.consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100 });
  opened.push(
    () => producer.disconnect(),
    () => consumer.disconnect(),
  );
  await producer.connect();
  await vi.waitFor(() => createRoom());
  await consumer.connect();
  await consumer.subscribe({ topic: `${prefix}.dead-letters`, fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void deadLetters.push(message) });
});
afterAll(async () => {
  for (const close of opened.reverse()) await close();
});
beforeEach(async () => {
  id = await createRoom();
});

async function createRoom(): Promise<string> {
  return (await ada.ask('mutation { createRoom(input: { name: "Room" }) { id } }')).createRoom.id;
}

const send = `mutation ($id: ID!, $text: String!, $clientId: String) {
  send(input: { channelId: $id, text: $text, clientId: $clientId }) { message { seq } }
}`;

/** Sends a message, again while the server is too slow for its own limit, and returns the message's `seq`. */
async function sendOnce(channelId: string | undefined, text: string): Promise<number> {
  const variables = { id: channelId, text, clientId: randomUUID() };
  return vi.waitFor(async () => (await ada.ask(send, variables)).send.message.seq);
}

/** Appends a record to the log directly, under the room's key, and returns its partition. */
async function put(value: Buffer | null, headers: IHeaders): Promise<number> {
  const [stored] = await producer.send({
    topic: `${prefix}.events`,
    messages: [{ key: readId('Channel', id), value, headers }],
  });
  return stored?.partition ?? -1;
}

function countDeadLetters(): Promise<number> {
  return fetchMetric(app.url, 'events_set_aside_total');
}

const event = { type: 'ChannelClosed', eventId: randomUUID(), gatewayId: 'nobody', at: '2026-01-01T00:00:00.000Z' };
const poison: Record<string, { value: Buffer | null; headers: IHeaders; reason: RegExp }> = {
  'bytes that are not JSON': { value: Buffer.from([0, 255, 123]), headers: { 'parley-wire': '1' }, reason: /JSON/ },
  'an event that lacks a required field': {
    value: Buffer.from(JSON.stringify(event)),
    headers: { 'parley-wire': '1' },
    reason: /channelId/,
  },
  'no header': { value: Buffer.from(JSON.stringify(event)), headers: {}, reason: /parley-wire header/ },
  'a header that is not a number': { value: Buffer.from('{}'), headers: { 'parley-wire': 'x' }, reason: /parley-wire/ },
  'no value': { value: null, headers: { 'parley-wire': '1' }, reason: /JSON/ },
};

test.each(Object.entries(poison))(
  'a record with %s goes unchanged to the dead letters with the reason, and its partition continues',
  async (_, { value, headers, reason }) => {
    const [before, letters] = [await countDeadLetters(), deadLetters.length];
    const partition = await put(value, headers);

    expect(await sendOnce(id, 'after it')).toBe(2);

    await vi.waitFor(() => expect(deadLetters).toHaveLength(letters + 1));
    const letter = deadLetters.at(-1);
    expect(String(letter?.key)).toBe(readId('Channel', id));
    expect(letter?.value).toEqual(value ?? Buffer.alloc(0));
    const texts = Object.fromEntries(Object.entries(letter?.headers ?? {}).map(([name, text]) => [name, String(text)]));
    expect(texts).toMatchObject({ ...headers, 'parley-topic': `${prefix}.events`, 'parley-partition': `${partition}` });
    expect(texts['parley-reason']).toMatch(reason);
    expect(texts['parley-offset']).toMatch(/^\d+$/);
    expect(await countDeadLetters()).toBe(before + 1);
    expect(app.logger.lines).toContainEqual(expect.objectContaining({ level: 'error', facts: factsOf(texts) }));
  },
);

/** Facts in the log line about a dead letter. */
function factsOf(texts: Record<string, string>): unknown {
  return {
    partition: Number(texts['parley-partition']),
    offset: texts['parley-offset'],
    reason: texts['parley-reason'],
  };
}

test('no message is lost while a column is missing, and the process is not ready', async () => {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  opened.push(() => client.end());

  await expectNothingLost({ url: app.url, run: (text) => client.query(text), sender: ada, channelId: id });
});

test('a record of a newer version stops its partition and logs an error, and other partitions continue', async () => {
  const letters = deadLetters.length;
  const rooms = await Promise.all(Array.from({ length: 20 }, createRoom));
  const partition = await put(Buffer.from('{}'), { 'parley-wire': String(wireVersion + 1) });
  const partitionOf = createPartitionOf(partitions);
  const other = rooms.find((room) => partitionOf({ ...anyRecord, key: readId('Channel', room) }) !== partition);

  const error = expect.objectContaining({ name: 'NewerWireError' });
  const line = { level: 'error', facts: { error, partition }, message: expect.anything() };
  await vi.waitFor(() => expect(app.logger.lines).toContainEqual(line));
  expect(await ada.codeOf(send, { id, text: 'behind it' })).toBe('UNAVAILABLE');
  expect(await sendOnce(other, 'beside it')).toBe(2);
  expect(deadLetters).toHaveLength(letters);
});

const anyRecord = { topic: '', value: Buffer.alloc(0), headers: {} };
