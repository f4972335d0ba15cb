import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ignore } from '../../api/ignore.ts';
import { guest } from '../support/client.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { patientSettings } from '../support/patience.ts';
import type { ServerProcess } from '../support/process.ts';
import { createSharedDatabase, sharedKafka, sharedRedis } from '../support/services/shared.ts';
import { activitySettings, testActivity, testKilledGateway } from './activity.ts';
import { leavesQueue, openTab, takePlace, testGhosts } from './ghosts.ts';

let cluster: Cluster;
let here: ServerProcess;
let there: ServerProcess;

beforeAll(async () => {
  const [brokers, redisUrl, databaseUrl] = await Promise.all([sharedKafka(), sharedRedis(), createSharedDatabase()]);
  cluster = createCluster({ databaseUrl, redisUrl, brokers });
  const settings = { ...patientSettings, MATCH_LEASE_MS: '600000', MATCH_ABSENCE_MS: '500', ...activitySettings };
  [here, there] = await Promise.all([
    cluster.gateway(settings),
    cluster.gateway(settings),
    cluster.bridge(patientSettings),
  ]);
});
afterAll(() => cluster?.stop());

testGhosts(() => [here.url, there.url]);
testActivity(() => [here.url, there.url]);

test('the users of a killed gateway go offline with their leases', async () => {
  const doomed = await cluster.gateway({ ...patientSettings, ...activitySettings, PRESENCE_LEASE_MS: '3000' });
  await testKilledGateway(here.url, doomed.url, () => doomed.kill('SIGKILL'));
});

test('a place that a killed gateway followed ends with its lease', async () => {
  const doomed = await cluster.gateway({ ...patientSettings, MATCH_LEASE_MS: '1000' });
  const ada = await guest(doomed.url, 'Ada');
  const tab = await openTab(doomed.url, ada);
  const { id } = await takePlace(ada, 'killed');
  await vi.waitFor(() => expect(tab.latest()).toMatchObject({ id, status: 'WAITING' }));

  await doomed.kill('SIGKILL');
  await leavesQueue(here.url, ada, 'killed');
  // Its connection cannot be closed properly: the other side is not there.
  await Promise.resolve(tab.close()).catch(ignore);
});
