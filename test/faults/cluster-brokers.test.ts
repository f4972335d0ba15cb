import kafkajs, { type Admin, type PartitionMetadata } from 'kafkajs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createPartitionOf } from '../../api/infra/event-log/kafka-messages.ts';
import { readId } from '../../schema/ids.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { startLoad } from '../support/load.ts';
import type { ServerProcess } from '../support/process.ts';
import { type KafkaService, startOwnKafkas } from '../support/services/kafka.ts';
import { createSharedDatabase, sharedRedis } from '../support/services/shared.ts';

const replication = 3;
let brokers: KafkaService[] = [];
let admin: Admin;
let cluster: Cluster;
let gateway: ServerProcess;

beforeAll(async () => {
  const redisUrl = await sharedRedis();
  brokers = await startOwnKafkas(replication);
  const addresses = brokers.map((broker) => broker.brokers);
  const logLevel = kafkajs.logLevel.NOTHING;
  admin = new kafkajs.Kafka({ brokers: addresses, logLevel }).admin({ retry: { retries: 20, maxRetryTime: 500 } });
  await admin.connect();
  cluster = createCluster({ databaseUrl: await createSharedDatabase(), redisUrl, brokers: addresses.join() });
  const settings = { KAFKA_REPLICATION: `${replication}` };
  [gateway] = await Promise.all([cluster.gateway(settings), cluster.bridge(settings)]);
});
afterAll(async () => {
  await cluster?.stop();
  await admin?.disconnect();
  await Promise.all(brokers.map((broker) => broker.stop()));
});

async function describePartitions(): Promise<PartitionMetadata[]> {
  const topic = `${cluster.environment['KAFKA_TOPIC_PREFIX']}.events`;
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  return topics[0]?.partitions ?? [];
}

/** Returns the broker that leads the partition of a channel. */
async function findLeader(channelId: string): Promise<KafkaService> {
  const partitions = await describePartitions();
  const record = { topic: '', key: readId('Channel', channelId), value: Buffer.alloc(0), headers: {} };
  const partition = createPartitionOf(partitions.length)(record);
  const { leader } = partitions.find(({ partitionId }) => partitionId === partition) ?? { leader: 0 };
  return brokers[leader - 1] as KafkaService;
}

test('twenty senders lose and repeat nothing while the leader of their partition is killed, then its successor', async () => {
  const load = await startLoad(() => [gateway.url], { following: ['messages', 'updates'] });
  await load.progress(100);
  for (const name of ['first', 'second']) {
    const leader = await findLeader(load.channelId);
    const from = Date.now();
    await leader.kill('SIGKILL');
    await load.progress(50);
    console.info(`the ${name} leader killed: 50 sends acknowledged after ${Date.now() - from} ms`);
    expect(await findLeader(load.channelId)).not.toBe(leader);
    await leader.restart();
    await vi.waitFor(async () => {
      for (const { isr } of await describePartitions()) expect(isr).toHaveLength(replication);
    });
  }
  await load.progress(100);
  await load.verify();
});
