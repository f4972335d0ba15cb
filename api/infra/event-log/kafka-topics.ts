import { setTimeout as delay } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import { NotReadyError } from '../../errors.ts';
import type { Bounds, LogState } from './event-log.ts';
import { type ClusterOptions, type KafkaClient, openKafka, within } from './kafka-client.ts';
import { warnOfRetention } from './kafka-dead-letters.ts';
import { queryPartitionsWithLeader } from './kafka-metadata.ts';
import { checkCleanup, eventsSettings, inSyncSetting, warnOfSettings } from './kafka-settings.ts';
import { readTopicIdentity } from './kafka-topic-id.ts';

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
/** A dead letter has more headers than the record that the log took. */
const deadLetterMaxBytes = 16 * 1024 * 1024;

/** Creates the topics if they do not exist, and reads their properties. Every request is bounded by `timeoutMs`. */
export function createTopics(options: TopicsOptions) {
  const { topic, timeoutMs, retryMs, logger } = options;
  const stopping = new AbortController();
  let link: Promise<Link> | undefined;
  let reading: Promise<Map<number, Bounds>> | undefined;
  let identifying: Promise<Omit<LogState, 'bounds'>> | undefined;
  /** Error of the last attempt to prepare the topic; undefined once one has succeeded. */
  let failure: unknown;
  let noteResult = () => {};
  /** Resolves at the first result: the topic is prepared, or refused until an operator changes it. */
  const examined = new Promise<void>((resolve) => {
    noteResult = resolve;
  });
  const prepared = prepare();

  /** Resolves with the number of partitions, however long it takes until a broker responds. */
  async function prepare(): Promise<number> {
    let reported: string | undefined;
    while (!stopping.signal.aborted) {
      try {
        const count = await query((admin) => createMissingTopics(admin, options));
        failure = undefined;
        noteResult();
        return count;
      } catch (error) {
        failure = error;
        if (error instanceof NotReadyError) noteResult();
        if (reported !== String(error)) logger.warn({ error, topic }, 'the topic is not ready; trying again');
        reported = String(error);
        await delay(retryMs, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
    throw new Error('the log was stopped');
  }

  async function identify(): Promise<Omit<LogState, 'bounds'>> {
    const { id, partitions } = await readTopicIdentity(options, topic);
    return { id, partitions: partitions ?? (await query((admin) => describePartitions(admin, topic))).length };
  }

  async function query<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    stopping.signal.throwIfAborted();
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
    /** Returns the topic's id and number of partitions. Concurrent calls share one request. */
    identity(): Promise<Omit<LogState, 'bounds'>> {
      identifying ??= identify().finally(() => {
        identifying = undefined;
      });
      return identifying;
    },
    /** Rejects unless the topic exists, is not compacted, and each of its partitions has a leader. */
    async ready(): Promise<void> {
      await within(timeoutMs, examined).catch((late: unknown) => {
        throw failure ?? late;
      });
      if (failure instanceof NotReadyError) throw failure;
      await within(timeoutMs, prepared);
      const partitions = await query((admin) => describePartitions(admin, topic));
      await query((admin) => checkCleanup(admin, topic));
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
  const inSync = inSyncSetting(replication);
  const bounded = { name: 'retention.ms', value: String(options.deadLetterRetentionMs) };
  const large = { name: 'max.message.bytes', value: String(deadLetterMaxBytes) };
  await admin.createTopics({
    topics: [
      { topic, numPartitions: partitions, replicationFactor: replication, configEntries: eventsSettings(replication) },
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
  await checkCleanup(admin, topic);
  await warnOfSettings(admin, topic, Math.min(...found.map(({ replicas }) => replicas.length)), logger);
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
