import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import { ignore } from '../../ignore.ts';
import type { StoredRecord } from './event-log.ts';
import { type ClusterOptions, openKafka, within } from './kafka-client.ts';
import { createCommits } from './kafka-commits.ts';
import { createLease, type Lease, type LeaseOptions } from './kafka-lease.ts';
import { isOtherTopic } from './kafka-topic-id.ts';

/** Options of a consumer in its group. Times are in milliseconds. */
export interface SessionOptions extends ClusterOptions, Omit<LeaseOptions, 'confirm'> {
  topic: string;
  group: string;
  /** Time after which a member without heartbeats loses its partitions; brokers accept 6,000 or more by default. */
  sessionTimeoutMs: number;
  /** Interval at which offsets are committed, for measurements of lag. */
  commitMs: number;
}

/** One membership in the group. It ends when kafkajs gives up, or when the consumer stops making progress. */
export interface Session {
  /** Resolves with the error that ended the session. */
  ended: Promise<unknown>;
  /** Whether the group has assigned partitions to it. */
  hasJoined(): boolean;
  /** Delivers no further batch. */
  release(): void;
  /** Leaves the group, in order if Kafka responds. */
  close(): Promise<void>;
}

/** Retries for about 12 s, in which a partition finds a new leader: rejoining the group would take a whole session timeout. */
const retries = 25;
/** Maximum age of metadata: kafkajs keeps asking a leader that is gone for as long. */
const metadataMs = 2_000;
/** Maximum time that a fetch waits for records: a resumed partition waits as long for its first fetch. */
const maxWaitMs = 100;
/** Time that a fetch waits for a slow handler before the other partitions continue without it. */
const slowHandlerMs = 100;
/** Number of session timeouts without progress after which a consumer is given up. */
const stallFactor = 4;
/** Time between two checks that the topic is still the same. */
const identityMs = 2_000;
/** Maximum time for leaving the group. */
const leaveMs = 2_000;

/**
 * Joins the group and delivers the records of its partitions. A partition is paused while its handler runs, so a slow handler
 * delays neither heartbeats nor other partitions.
 * @param work running handlers by partition, those of earlier sessions included; updated here
 * @param concurrency number of partitions that are handled concurrently
 */
export function openSession(options: SessionOptions, work: Map<number, Promise<unknown>>, concurrency: number) {
  const { topic, sessionTimeoutMs, logger } = options;
  let end: (cause: unknown) => void = () => {};
  const ended = new Promise<unknown>((resolve) => {
    end = resolve;
  });
  const client = openKafka(options, retries);
  const consumer = createConsumer();
  const leases = new Map<number, Lease>();
  const busy = new Set<Lease>();
  let lastProgressAt = performance.now();
  let joined = false;
  /** Whether the topic was still the same after the newest metadata; null until somebody asks. */
  let confirmation: Promise<boolean> | null = null;

  function createConsumer(): Consumer {
    return client.kafka.consumer({
      groupId: options.group,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.floor(sessionTimeoutMs / 6),
      maxWaitTimeInMs: maxWaitMs,
      allowAutoTopicCreation: false,
      metadataMaxAge: metadataMs,
      retry: { initialRetryTime: 50, maxRetryTime: 500, retries, restartOnFailure: async () => false },
    });
  }

  async function start(): Promise<void> {
    const noteProgress = () => {
      lastProgressAt = performance.now();
    };
    consumer.on(consumer.events.FETCH, noteProgress);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      noteProgress();
      joined = true;
      assign(payload.memberAssignment[topic] ?? []);
    });
    consumer.on(consumer.events.REQUEST, ({ payload: { apiName } }) => {
      // A fetch from a topic that is gone fails, and kafkajs asks for metadata before it fetches from its successor.
      if (apiName === 'Metadata') confirmation = null;
    });
    consumer.on(consumer.events.CRASH, ({ payload }) => end(payload.error));
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: concurrency,
      eachBatch,
    });
  }

  /** Runs before the first fetch: kafkajs emits the event between joining the group and fetching. */
  function assign(partitions: readonly number[]): void {
    for (const lease of leases.values()) lease.release();
    leases.clear();
    consumer.pause([{ topic, partitions: [...partitions] }]);
    logger.debug({ topic, partitions }, 'partitions were assigned');
    for (const partition of partitions) {
      const lease = createLease(partition, work.get(partition) ?? Promise.resolve(), { ...options, confirm });
      leases.set(partition, lease);
      void proceed(lease, lease.begin());
    }
  }

  async function eachBatch({ batch, pause }: EachBatchPayload): Promise<void> {
    const lease = leases.get(batch.partition);
    // A partition that must not be handled is paused as well, or it would be fetched over and over.
    pause();
    if (!lease?.isHeld() || busy.has(lease)) return;
    const handling = proceed(lease, lease.take(batch.messages.map(toRecord)));
    const waiting = new AbortController();
    await Promise.race([handling, delay(slowHandlerMs, undefined, { signal: waiting.signal }).catch(() => {})]);
    waiting.abort();
  }

  /** Resumes the partition at the offset that the handler wants, once it is done. */
  function proceed(lease: Lease, next: Promise<bigint | null>): Promise<void> {
    const { partition } = lease;
    busy.add(lease);
    const handling = next.then((offset) => {
      busy.delete(lease);
      if (offset === null || !lease.isHeld()) return;
      consumer.seek({ topic, partition, offset: String(offset) });
      consumer.resume([{ topic, partitions: [partition] }]);
    });
    // It fails only if kafkajs ended between two ticks: then the session is over.
    const settled = handling.catch(end);
    work.set(partition, settled);
    return settled;
  }

  /** Ends the session if the topic is another one. One that was created again may be as long as the old one, and kafkajs would read on. */
  async function checkIdentity(): Promise<boolean> {
    const { id } = await options.identity();
    const isOther = [...leases.values()].some((lease) => isOtherTopic(lease.logId(), id));
    if (isOther) end(new Error(`topic ${topic} was created again`));
    return !isOther;
  }

  /** Returns whether records that were fetched are of the topic that was assigned. All partitions wait for the same check. */
  function confirm(): Promise<boolean> {
    const checking = confirmation ?? checkIdentity();
    confirmation = checking;
    checking.catch(() => {
      if (confirmation === checking) confirmation = null;
    });
    return checking;
  }

  const checks = setInterval(() => void checkIdentity().catch(ignore), identityMs);
  const commits = createCommits({ ...options, consumer, leases });
  const watch = setInterval(() => {
    if (performance.now() - lastProgressAt > stallFactor * sessionTimeoutMs)
      end(new Error('the consumer makes no progress'));
  }, sessionTimeoutMs);
  const started = start().catch(end);
  const release = () => {
    for (const lease of leases.values()) lease.release();
  };
  return {
    ended,
    hasJoined: () => joined,
    release,
    async close(): Promise<void> {
      clearInterval(watch);
      clearInterval(checks);
      commits.stop();
      release();
      // A member that is still joining cannot leave, and the group would wait for it.
      const left = started.then(commits.commit).then(() => consumer.disconnect());
      await within(leaveMs, left).catch((error: unknown) =>
        logger.debug({ error }, 'the consumer group was not left in order'),
      );
      client.close();
    },
  } satisfies Session;
}

function toRecord({ key, value, headers, offset }: KafkaMessage): StoredRecord {
  const texts = Object.entries(headers ?? {}).map(([name, header]) => [name, String(header ?? '')]);
  return {
    key: String(key ?? ''),
    value: value ?? Buffer.alloc(0),
    headers: Object.fromEntries(texts),
    offset: BigInt(offset),
  };
}
