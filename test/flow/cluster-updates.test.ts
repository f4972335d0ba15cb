import { afterAll, beforeAll, test } from 'vitest';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { patientSettings } from '../support/patience.ts';
import { createSharedDatabase, sharedKafka, sharedRedis } from '../support/services/shared.ts';
import { expectEveryUpdate, expectRefusals } from '../support/updates-flow.ts';

let cluster: Cluster;
let urls: [here: string, there: string];

beforeAll(async () => {
  const [brokers, redisUrl] = await Promise.all([sharedKafka(), sharedRedis()]);
  cluster = createCluster({ databaseUrl: await createSharedDatabase(), redisUrl, brokers });
  const gateways = [cluster.gateway(patientSettings), cluster.gateway(patientSettings)] as const;
  const [here, there] = await Promise.all([...gateways, cluster.bridge(patientSettings)] as const);
  urls = [here.url, there.url];
});
afterAll(() => cluster?.stop());

test('a client that was away gets every kind of update, from any gateway', () => expectEveryUpdate(...urls));

test('a cursor that cannot be used is refused with the reason', () => expectRefusals(urls[0]));
