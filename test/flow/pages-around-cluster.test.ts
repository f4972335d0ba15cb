import { afterAll, beforeAll } from 'vitest';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { patientSettings } from '../support/patience.ts';
import type { ServerProcess } from '../support/process.ts';
import { createSharedDatabase, sharedKafka, sharedRedis } from '../support/services/shared.ts';
import { describePagesAround } from './pages-around.ts';

let cluster: Cluster;
let gateways: ServerProcess[] = [];

const settings = { RATE_LIMITS: 'off', ...patientSettings };

beforeAll(async () => {
  const [brokers, redisUrl, databaseUrl] = await Promise.all([sharedKafka(), sharedRedis(), createSharedDatabase()]);
  cluster = createCluster({ databaseUrl, redisUrl, brokers });
  gateways = await Promise.all([cluster.gateway(settings), cluster.gateway(settings)]);
  await cluster.bridge(settings);
});
afterAll(() => cluster?.stop());

describePagesAround((gateway) => gateways[gateway]?.url ?? '');
