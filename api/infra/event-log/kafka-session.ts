import { setTimeout as delay } from 'node:timers/promises';
import type { Consumer, EachBatchPayload, KafkaMessage } from 'kafkajs';
import type { StoredRecord } from './event-log.ts';
import { type ClusterOptions, openKafka, within } from './kafka-client.ts';
import { createCommits } from './kafka-commits.ts';
import { createLease, type Lease, type LeaseOptions } from './kafka-lease.ts';

/** How a consumer takes part in its group. Times are in milliseconds. */
export interface SessionOptions extends ClusterOptions, LeaseOptions {
  topic: string;
  group: string;
  /** After which a member that gives no sign of life loses its partitions; a broker takes at least 6,000 unless told. */
  sessionTimeoutMs: number;
  /** How often Kafka is told how far the log was handled, for whoever measures the lag. */
  commitMs: number;
}

/** One membership in the group: it ends when kafkajs gives up, or by itself when nothing moves any more. */
export interface Session {
  /** Resolves with what ended it. */
  ended: Promise<unknown>;
  /** Whether it got so far as to be given partitions. */
  hasJoined(): boolean;
  /** Hands over nothing more. */
  release(): void;
  /** Leaves the group, in order if Kafka answers. */
  close(): Promise<void>;
}

/** For about 12 s, in which a partition finds a new leader: who gave up and joined anew would wait for the session to end. */
const retries = 25;
/** How long a leader is believed in: kafkajs goes on to ask one that is gone for as long. */
const metadataMs = 2_000;
/** How long a read waits for records: a partition that was paused is not read before that. */
const maxWaitMs = 100;
/** How long a read waits for a slow handler before the other partitions go on without it. */
const patienceMs = 250;
/** A consumer without a sign of life is given up after so many session times. */
const stallFactor = 4;
/** How long leaving the group may take. */
const farewellMs = 2_000;

/**
 * Joins the group and hands over what it is given. A partition is paused while a handler has it, so a slow one holds up
 * neither the heartbeats nor the others.
 * @param work what is at work on a partition, also for an earlier session; kept up to date
 * @param concurrency how many partitions are handled side by side
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
  let lastSign = Date.now();
  let joined = false;

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
    const sign = () => {
      lastSign = Date.now();
    };
    consumer.on(consumer.events.FETCH, sign);
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      sign();
      joined = true;
      assign(payload.memberAssignment[topic] ?? []);
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

  /** Runs before anything is read: kafkajs calls it between joining the group and its first fetch. */
  function assign(partitions: readonly number[]): void {
    for (const lease of leases.values()) lease.release();
    leases.clear();
    consumer.pause([{ topic, partitions: [...partitions] }]);
    logger.debug({ topic, partitions }, 'partitions were assigned');
    for (const partition of partitions) {
      const lease = createLease(partition, work.get(partition) ?? Promise.resolve(), options);
      leases.set(partition, lease);
      void proceed(lease, lease.begin());
    }
  }

  async function eachBatch({ batch, pause }: EachBatchPayload): Promise<void> {
    const lease = leases.get(batch.partition);
    // Also what must not be handled is paused, or it would be read over and over.
    pause();
    if (!lease?.isHeld() || busy.has(lease)) return;
    const turn = proceed(lease, lease.take(batch.messages.map(toRecord)));
    const impatience = new AbortController();
    await Promise.race([turn, delay(patienceMs, undefined, { signal: impatience.signal }).catch(() => {})]);
    impatience.abort();
  }

  /** Reads on where the work says, once it is done. */
  function proceed(lease: Lease, next: Promise<bigint | null>): Promise<void> {
    const { partition } = lease;
    busy.add(lease);
    const turn = next.then((offset) => {
      busy.delete(lease);
      if (offset === null || !lease.isHeld()) return;
      consumer.seek({ topic, partition, offset: String(offset) });
      consumer.resume([{ topic, partitions: [partition] }]);
    });
    // It can fail only when kafkajs ended between two ticks: then the session is over.
    const settled = turn.catch(end);
    work.set(partition, settled);
    return settled;
  }

  const commits = createCommits({ ...options, consumer, leases });
  const watch = setInterval(() => {
    if (Date.now() - lastSign > stallFactor * sessionTimeoutMs) end(new Error('the consumer gives no sign of life'));
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
      commits.stop();
      release();
      // A member that is still joining could not leave, and the others would wait for it.
      const left = started.then(commits.commit).then(() => consumer.disconnect());
      await within(farewellMs, left).catch((error: unknown) =>
        logger.debug({ error }, 'the group was not left in order'),
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
