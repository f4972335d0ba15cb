import { setTimeout as delay } from 'node:timers/promises';
import kafkajs, { type Admin } from 'kafkajs';
import type { Logger } from '../../logger.ts';
import type { Bounds } from './event-log.ts';
import { type ClusterOptions, type KafkaClient, openKafka, within } from './kafka-client.ts';
import { warnOfRetention } from './kafka-dead-letters.ts';
import { queryPartitionsWithLeader } from './kafka-metadata.ts';

/** Options of the topics of one log. */
interface TopicsOptions extends ClusterOptions {
  /** Name of the events topic. */
  topic: string;
  /** Topic of the dead letters, which has one partition. */
  deadLetterTopic: string;
  partitions: number;
  /** Replication factor of new topics. */
  replication: number;
  /** Milliseconds for which a new topic keeps dead letters. */
  deadLetterRetentionMs: number;
  /** Milliseconds between failed attempts. */
  retryMs: number;
}

interface Link {
  client: KafkaClient;
  admin: Admin;
}

const retries = 2;
/** Settings with which acknowledged records survive the loss of a machine. */
const needed = { replication: 3, inSync: 2 };
/** A dead letter has more headers than the record that the log took. */
const deadLetterMaxBytes = 16 * 1024 * 1024;

/** Creates the topics if they do not exist, and reads their properties. Every request is bounded by `timeoutMs`. */
export function createTopics(options: TopicsOptions) {
  const { topic, timeoutMs, retryMs, logger } = options;
  const stopping = new AbortController();
  let link: Promise<Link> | undefined;
  let reading: Promise<Map<number, Bounds>> | undefined;
  const prepared = prepare();

  /** Resolves with the number of partitions, however long it takes until a broker responds. */
  async function prepare(): Promise<number> {
    let reported: string | undefined;
    while (!stopping.signal.aborted) {
      try {
        return await query((admin) => createMissingTopics(admin, options));
      } catch (error) {
        if (reported !== String(error)) logger.warn({ error, topic }, 'the topic is not ready; trying again');
        reported = String(error);
        await delay(retryMs, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
    throw new Error('the log was stopped');
  }

  async function query<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    link ??= openLink(options);
    const mine = link;
    try {
      return await within(
        timeoutMs,
        mine.then(({ admin }) => question(admin)),
      );
    } catch (error) {
      if (link === mine) link = undefined;
      close(mine);
      throw error;
    }
  }

  prepared.catch(() => {});
  return {
    /** Resolves with the number of partitions of the events topic once it exists. */
    prepared,
    /** Returns the range of each partition that has a leader. Concurrent calls share one request. */
    bounds(): Promise<Map<number, Bounds>> {
      reading ??= queryPartitionsWithLeader(() => readBounds(options)).finally(() => {
        reading = undefined;
      });
      return reading;
    },
    /** Rejects unless the topic exists and each of its partitions has a leader. */
    async ready(): Promise<void> {
      await within(timeoutMs, prepared);
      const partitions = await query((admin) => describePartitions(admin, topic));
      const withoutLeader = partitions.filter(({ leader }) => leader < 0);
      if (withoutLeader.length > 0) throw new Error(`${withoutLeader.length} partitions of ${topic} have no leader`);
    },
    stop(): void {
      stopping.abort();
      if (link) close(link);
    },
  };
}

async function openLink(options: ClusterOptions): Promise<Link> {
  const client = openKafka(options, retries);
  const admin = client.kafka.admin();
  try {
    await within(options.timeoutMs, admin.connect());
    return { client, admin };
  } catch (error) {
    client.close();
    throw error;
  }
}

function close(link: Promise<Link>): void {
  link.then(({ client }) => client.close()).catch(() => {});
}

async function createMissingTopics(admin: Admin, options: TopicsOptions): Promise<number> {
  const { topic, deadLetterTopic, partitions, replication, logger } = options;
  const inSync = { name: 'min.insync.replicas', value: String(Math.min(needed.inSync, Math.max(replication - 1, 1))) };
  const bounded = { name: 'retention.ms', value: String(options.deadLetterRetentionMs) };
  const large = { name: 'max.message.bytes', value: String(deadLetterMaxBytes) };
  await admin.createTopics({
    topics: [
      { topic, numPartitions: partitions, replicationFactor: replication, configEntries: [inSync] },
      {
        topic: deadLetterTopic,
        numPartitions: 1,
        replicationFactor: replication,
        configEntries: [inSync, bounded, large],
      },
    ],
  });
  await warnOfRetention(admin, options);
  const found = await describePartitions(admin, topic);
  if (found.length !== partitions) {
    logger.warn(
      { topic, found: found.length, partitions },
      'the topic exists with another number of partitions, which stays',
    );
  }
  await checkReplication(admin, topic, found, logger);
  return found.length;
}

async function readBounds(options: TopicsOptions): Promise<Map<number, Bounds>> {
  const link = openLink(options);
  const asked = link.then(({ admin }) => admin.fetchTopicOffsets(options.topic));
  const offsets = await within(options.timeoutMs, asked).finally(() => close(link));
  return new Map(offsets.map(({ partition, low, high }) => [partition, { begin: BigInt(low), end: BigInt(high) }]));
}

async function describePartitions(admin: Admin, topic: string) {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  return topics[0]?.partitions ?? [];
}

async function checkReplication(
  admin: Admin,
  topic: string,
  partitions: readonly { replicas: number[] }[],
  logger: Logger,
): Promise<void> {
  const replication = Math.min(...partitions.map(({ replicas }) => replicas.length));
  const inSync = Number(await readSetting(admin, topic, 'min.insync.replicas'));
  if (replication >= needed.replication && inSync >= needed.inSync) return;
  logger.warn(
    { topic, replication, 'min.insync.replicas': inSync, needed },
    'acknowledged messages may be lost with one machine: give the topic more replicas',
  );
}

async function readSetting(admin: Admin, topic: string, name: string): Promise<string | undefined> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }],
  });
  return resources[0]?.configEntries.find(({ configName }) => configName === name)?.configValue;
}
