import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { NotReadyError, TooLargeError } from '../../api/errors.ts';
import { ignore } from '../../api/ignore.ts';
import type { Batch } from '../../api/infra/event-log/event-log.ts';
import { createKafkaEventLog } from '../../api/infra/event-log/kafka.ts';
import { isOtherTopic } from '../../api/infra/event-log/kafka-topic-id.ts';
import { createAppender, createLogDatabase, ofKey } from '../support/log-database.ts';
import { createTestLogger } from '../support/logger.ts';
import { createOpening } from '../support/opening.ts';
import { patienceMs } from '../support/patience.ts';
import { sharedKafka } from '../support/services/shared.ts';
import { describeEventLog, nextOf, record } from './event-log.ts';

const partitions = 4;

let brokers: string[];
beforeAll(async () => {
  brokers = (await sharedKafka()).split(',');
});

function createLog(topicPrefix = `test-${randomUUID()}`) {
  const logger = createTestLogger();
  const times = { timeoutMs: patienceMs, retryMs: 10, commitMs: 50 };
  const log = createKafkaEventLog({ brokers, topicPrefix, partitions, replication: 1, ...times, logger });
  return { ...log, logger, topicPrefix };
}

describeEventLog('over Kafka', async () => {
  const log = createLog();
  return { log, dispose: () => log.stop() };
});

describe('the event log over Kafka', () => {
  const opening = createOpening();
  const openLog = (topicPrefix?: string) => opening(createLog(topicPrefix));
  const openAdmin = async () => {
    const admin = createClient().admin();
    await admin.connect();
    opening({ stop: () => admin.disconnect() });
    return admin;
  };

  test('warns if acknowledged records would not survive the loss of a broker', async () => {
    const log = openLog();
    await log.ready();

    const warnings = log.logger.lines.filter(({ level }) => level === 'warn');
    expect(warnings).toEqual([
      expect.objectContaining({ facts: expect.objectContaining({ replication: 1, 'min.insync.replicas': 1 }) }),
    ]);
  });

  test('creates the topic of dead letters with its retention, and warns if an existing one has another', async () => {
    const log = openLog();
    await log.ready();
    const admin = await openAdmin();
    const topic = { type: kafkajs.ConfigResourceTypes.TOPIC, name: `${log.topicPrefix}.dead-letters` };
    const retention = async () => {
      const asked = { includeSynonyms: false, resources: [{ ...topic, configNames: ['retention.ms'] }] };
      const { resources } = await admin.describeConfigs(asked);
      return resources[0]?.configEntries[0]?.configValue;
    };
    expect(await retention()).toBe(String(30 * 86_400_000));

    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ ...topic, configEntries: [{ name: 'retention.ms', value: '-1' }] }],
    });
    // The broker applies it some time after its response.
    await expect.poll(retention).toBe('-1');
    const later = openLog(log.topicPrefix);
    await later.ready();
    expect(later.logger.lines).toContainEqual(
      expect.objectContaining({ level: 'warn', facts: expect.objectContaining({ 'retention.ms': -1 }) }),
    );
  });

  test('keeps every record and the order of each key when thousands are appended at once', async () => {
    const log = openLog();
    const database = createLogDatabase();
    opening(await log.consume(database.handler()));
    const texts = Array.from({ length: 5_000 }, (_, n) => `${n % 7} ${n}`);

    await Promise.all(texts.map((text) => log.append(record(`key ${text[0]}`, text))));

    await vi.waitFor(() => expect(database.texts()).toHaveLength(texts.length));
    for (let key = 0; key < 7; key++) expect(ofKey(key, database.texts())).toEqual(ofKey(key, texts));
  });

  test('rejects a record that is too large for a broker, and accepts the records around it', async () => {
    const log = openLog();
    const large = log.append(record('k', 'x'.repeat(2_000_000)));

    await Promise.all([expect(large).rejects.toBeInstanceOf(TooLargeError), log.append(record('k', 'a'))]);
  });

  test('loses, repeats and reorders nothing while consumers join and leave', async () => {
    const log = openLog();
    const database = createLogDatabase();
    const appended = opening(createAppender(log));
    const first = opening(await log.consume(database.handler()));
    await vi.waitFor(() => expect(database.texts().length).toBeGreaterThan(200));

    opening(await log.consume(database.handler()));
    await vi.waitFor(() => expect(database.assignments.length).toBeGreaterThan(partitions));
    const before = database.assignments.length;
    await first.stop();
    await vi.waitFor(() => expect(database.assignments.length).toBeGreaterThanOrEqual(before + partitions));

    const { texts } = await appended.stop();
    await vi.waitFor(() => expect(database.texts()).toHaveLength(texts.length));
    for (let key = 0; key < 7; key++) expect(ofKey(key, database.texts())).toEqual(ofKey(key, texts));
  });

  test('continues with other partitions while the handler of one keeps failing', async () => {
    const log = openLog();
    const database = createLogDatabase();
    const stuck = new Set<number>();
    const handler = database.handler(async ({ partition, records }) => {
      if (stuck.size === 0 || stuck.has(partition)) {
        stuck.add(partition);
        throw new Error(`${records.length} records are not for now`);
      }
    });
    const appendAll = (text: string) =>
      Promise.all(Array.from({ length: 40 }, (_, key) => log.append(record(`key ${key}`, text))));
    opening(await log.consume(handler));
    await appendAll('before');
    await vi.waitFor(() => expect(stuck.size).toBe(1));

    await appendAll('after');

    const goingOn = () => [...database.taken.values()].filter((texts) => texts.includes('after'));
    await vi.waitFor(() => expect(goingOn()).toHaveLength(partitions - 1));
    expect(database.taken.has([...stuck][0] ?? -1)).toBe(false);
  });

  test('sets a record that cannot be applied aside in the dead-letter topic, with the reason in its headers', async () => {
    const log = openLog();
    await log.ready();
    const producer = createClient().producer();
    await producer.connect();
    opening({ stop: () => producer.disconnect() });
    await producer.send({ topic: log.name, messages: [{ partition: 2, key: null, value: null }] });
    await log.append({ ...record('k', 'x'), headers: {} });
    const database = createLogDatabase();
    const handler = database.handler(async ({ partition, records }) => {
      for (const poison of records.filter(({ value }) => value.length === 0)) {
        await log.deadLetter(partition, { ...poison, headers: { 'parley-wire': '1' } }, 'it says nothing');
      }
    });
    opening(await log.consume(handler));

    const [message] = await readMessages(`${log.topicPrefix}.dead-letters`, 1);

    expect(Object.entries(message?.headers ?? {}).map(([name, value]) => [name, String(value)])).toEqual([
      ['parley-wire', '1'],
      ['parley-topic', log.name],
      ['parley-partition', '2'],
      ['parley-offset', '0'],
      ['parley-reason', 'it says nothing'],
    ]);
    await vi.waitFor(() => expect(database.texts().sort()).toEqual(['', 'x']));
  });

  test('sets aside a record of the maximum size', async () => {
    const log = openLog();
    const large = { ...record('k', 'x'.repeat(1_048_000)), offset: 7n };
    await expect(log.deadLetter(0, large, 'r'.repeat(100_000))).resolves.toBeUndefined();
  });

  test('delivers nothing from a log that begins above the requested offset, and asks again', async () => {
    const log = openLog();
    for (const text of ['a', 'b', 'c', 'd']) await log.append(record('k', text));
    const admin = await openAdmin();
    // Some partitions of a new topic may not have a leader yet.
    const ends = await vi.waitFor(() => admin.fetchTopicOffsets(log.name));
    const partition = ends.find(({ high }) => high === '4')?.partition ?? -1;
    await admin.deleteTopicRecords({ topic: log.name, partitions: [{ partition, offset: '2' }] });
    const asked: unknown[] = [];
    const offsets: bigint[] = [];
    let wanted = 1n;
    opening(
      await log.consume({
        async assigned(of, { bounds }) {
          if (of === partition) asked.push(bounds);
          return of === partition ? wanted : 0n;
        },
        async handle({ records }) {
          offsets.push(...records.map(({ offset }) => offset));
          return (records.at(-1)?.offset ?? 0n) + 1n;
        },
      }),
    );
    await vi.waitFor(() => expect(asked.length).toBeGreaterThan(2));
    expect(asked[0]).toEqual({ begin: 2n, end: 4n });
    expect(offsets).toEqual([]);

    wanted = 2n;
    await vi.waitFor(() => expect(offsets).toEqual([2n, 3n]));
  });

  test('continues after a transaction, whose end takes an offset without a record', async () => {
    const log = openLog();
    await log.ready();
    const producer = createClient().producer({
      transactionalId: randomUUID(),
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    opening({ stop: () => producer.disconnect() });
    const write = async (value: string, end: 'commit' | 'abort') => {
      const transaction = await producer.transaction();
      await transaction.send({ topic: log.name, messages: [{ partition: 1, key: 'k', value }] });
      await transaction[end]();
    };
    const batches: Batch[] = [];
    const handle = async (batch: Batch) => {
      batches.push(batch);
      return nextOf(batch);
    };
    opening(await log.consume({ assigned: async () => 0n, handle }));
    const read = () =>
      batches.flatMap(({ from, records }) => records.map(({ value, offset }) => `${value} at ${offset} from ${from}`));

    await write('a', 'commit');
    await vi.waitFor(() => expect(read()).toEqual(['a at 0 from 0']));
    await write('b', 'abort');
    await write('c', 'commit');

    await vi.waitFor(() => expect(read()).toEqual(['a at 0 from 0', 'c at 4 from 1']));
    // Another line may say that a new partition has no leader yet.
    expect(
      log.logger.lines.filter(({ message }) => message === 'the log does not continue at the expected offset'),
    ).toEqual([]);
  });

  test('creates the topic with settings that keep events until they are applied', async () => {
    const log = openLog();
    await log.ready();
    const admin = await openAdmin();

    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: log.name }],
    });

    const settings = resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]);
    expect(Object.fromEntries(settings ?? [])).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': '604800000',
      'retention.bytes': '-1',
      'message.timestamp.type': 'LogAppendTime',
    });
  });

  test('refuses a compacted topic until its policy is changed, and warns of a short retention', async () => {
    const topicPrefix = `test-${randomUUID()}`;
    const name = `${topicPrefix}.events`;
    const admin = await openAdmin();
    const configEntries = [
      { name: 'cleanup.policy', value: 'compact,delete' },
      { name: 'retention.ms', value: '3600000' },
    ];
    // The broker may not host the new topic yet when kafkajs asks for its leaders.
    await admin.createTopics({ topics: [{ topic: name, numPartitions: partitions, configEntries }] }).catch(ignore);
    const log = openLog(topicPrefix);
    await vi.waitFor(() => expect(log.ready()).rejects.toThrow('cleanup.policy=compact,delete'));
    await expect(log.ready()).rejects.toBeInstanceOf(NotReadyError);

    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name,
          configEntries: [
            { name: 'cleanup.policy', value: 'delete' },
            { name: 'retention.ms', value: '3600000' },
          ],
        },
      ],
    });

    await vi.waitFor(() => log.ready());
    expect(log.logger.lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        facts: expect.objectContaining({ settings: ['retention.ms=3600000', 'message.timestamp.type=CreateTime'] }),
      }),
    );
  });

  test('assigns its partitions again, with another id, when the topic is deleted and created again', async () => {
    const log = openLog();
    await log.ready();
    const ids = new Set<string | null>();
    opening(
      await log.consume({
        async assigned(_, { id }) {
          ids.add(id);
          return 0n;
        },
        handle: async (batch) => nextOf(batch),
      }),
    );
    await vi.waitFor(() => expect(ids.size).toBe(1));

    await createAgain(log.name);

    await vi.waitFor(() => expect(ids.size).toBe(2));
    expect(ids).not.toContain(null);
  });

  test.each([
    ['a', 'a', false],
    ['a', 'b', true],
    ['a', null, false],
    [null, 'a', false],
    [undefined, 'a', false],
  ])('takes a topic for another one only if both ids are known and differ: %s, %s', (known, found, isOther) => {
    expect(isOtherTopic(known, found)).toBe(isOther);
  });

  test('reports partitions that were added when they are assigned, and spreads its own appends as before', async () => {
    const log = openLog();
    await log.ready();
    const admin = await openAdmin();
    await admin.createPartitions({ topicPartitions: [{ topic: log.name, count: partitions + 2 }] });

    await vi.waitFor(async () => expect((await log.describe()).partitions).toBe(partitions + 2));
    expect(await log.partitions()).toBe(partitions);
    expect(await openLog(log.topicPrefix).partitions()).toBe(partitions + 2);
  });

  test('commits to Kafka how far the log was handled', async () => {
    const log = openLog();
    const database = createLogDatabase();
    opening(await log.consume(database.handler()));
    for (let n = 0; n < 5; n++) await log.append(record('k', String(n)));
    const admin = await openAdmin();

    await vi.waitFor(async () => {
      const [topic] = await admin.fetchOffsets({ groupId: `${log.topicPrefix}.bridge`, topics: [log.name] });
      expect(topic?.partitions.map(({ offset }) => offset).sort()).toEqual(['0', '0', '0', '5']);
    });
  });

  test('rejects appends after it has stopped, and continues where it was when it is opened again', async () => {
    const log = createLog();
    const database = createLogDatabase();
    await log.append(record('k', 'a'));
    await log.stop();
    await expect(log.append(record('k', 'b'))).rejects.toThrow('stopping');

    const again = openLog(log.topicPrefix);
    await again.append(record('k', 'c'));
    opening(await again.consume(database.handler()));
    await vi.waitFor(() => expect(database.texts()).toEqual(['a', 'c']));
  });

  async function createAgain(topic: string): Promise<void> {
    const admin = await openAdmin();
    await admin.deleteTopics({ topics: [topic] });
    await vi.waitFor(() => admin.createTopics({ topics: [{ topic, numPartitions: partitions }] }));
  }

  function createClient() {
    return new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING });
  }

  async function readMessages(topic: string, count: number) {
    const messages: kafkajs.KafkaMessage[] = [];
    const consumer = createClient().consumer({ groupId: randomUUID(), maxWaitTimeInMs: 100 });
    opening({ stop: () => consumer.disconnect() });
    await vi.waitFor(() => consumer.connect());
    await vi.waitFor(() => consumer.subscribe({ topic, fromBeginning: true }));
    await consumer.run({ eachMessage: async ({ message }) => void messages.push(message) });
    await vi.waitFor(() => expect(messages).toHaveLength(count));
    return messages;
  }
});
