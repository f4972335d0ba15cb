import type { Admin } from 'kafkajs';
import kafkajs from 'kafkajs';
import { createPartitionOf } from '../../api/infra/event-log/kafka-messages.ts';
import { readId } from '../../schema/ids.ts';
import { createCluster, type Services } from '../support/cluster.ts';
import { fetchMetric } from '../support/probes.ts';
import type { ServerProcess } from '../support/process.ts';
import { type PostgresService, runAt } from '../support/services/postgres.ts';
import type { Product } from './isolation.ts';
import { seed } from './seeds.ts';

/** Gateway and two bridges over Kafka, Redis and PostgreSQL. */
export interface Clustered extends Product {
  bridges: [ServerProcess, ServerProcess];
  postgres: PostgresService;
  databaseUrl: string;
  kafka: Admin;
  /** Topic of the events. */
  topic: string;
  /** Number of its partitions. */
  partitions: number;
  /** Returns the partition of a channel. */
  partitionOf(channelId: string): number;
}

/** Maximum time for which a send waits for its outcome, in milliseconds. */
export const sendTimeoutMs = 4_000;

/**
 * Starts a cluster with users and channels.
 * @param postgres database server, which stops with the cluster
 */
export async function startClustered(
  postgres: PostgresService,
  { brokers, redisUrl }: Pick<Services, 'brokers' | 'redisUrl'>,
): Promise<Clustered> {
  const databaseUrl = await postgres.createDatabase();
  const cluster = createCluster({ databaseUrl, redisUrl, brokers });
  const settings = { SEND_TIMEOUT_MS: `${sendTimeoutMs}` };
  const [first, ...bridges] = await Promise.all([
    cluster.gateway(settings),
    cluster.bridge(settings),
    cluster.bridge(settings),
  ]);
  const { seeds, sql } = await seed(first.url);
  await first.kill('SIGTERM');
  await runAt(databaseUrl, sql, 'ANALYZE');
  const gateway = await cluster.gateway({ ...settings, RATE_LIMITS: 'on' });
  const kafka = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: kafkajs.logLevel.NOTHING }).admin();
  await kafka.connect();
  const partitions = Number(cluster.environment['KAFKA_PARTITIONS']);
  const toPartition = createPartitionOf(partitions);
  return {
    url: gateway.url,
    seeds,
    bridges,
    postgres,
    databaseUrl,
    kafka,
    topic: `${cluster.environment['KAFKA_TOPIC_PREFIX']}.events`,
    partitions,
    partitionOf: (id) => toPartition({ topic: '', key: readId('Channel', id), value: Buffer.alloc(0), headers: {} }),
    async stop() {
      await kafka.disconnect();
      await cluster.stop();
      await postgres.stop();
    },
  };
}

/** Returns the number of events that a bridge has applied. */
export function countApplied({ url }: ServerProcess): Promise<number> {
  return fetchMetric(url, 'events_applied_total');
}
