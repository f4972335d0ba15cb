import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { follow, guest, type Person, socket } from '../support/client.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { patientSettings } from '../support/patience.ts';
import type { ServerProcess } from '../support/process.ts';
import { type RedisService, startOwnRedis } from '../support/services/redis.ts';
import { createSharedDatabase, sharedKafka } from '../support/services/shared.ts';

let redis: RedisService;
let cluster: Cluster;
let here: ServerProcess;
let there: ServerProcess;

beforeAll(async () => {
  const [brokers, databaseUrl] = await Promise.all([sharedKafka(), createSharedDatabase()]);
  redis = await startOwnRedis();
  cluster = createCluster({ databaseUrl, redisUrl: redis.url, brokers });
  const settings = { ...patientSettings, MATCH_LEASE_MS: '3000' };
  [here, there] = await Promise.all([
    cluster.gateway(settings),
    cluster.gateway(settings),
    cluster.bridge(patientSettings),
  ]);
});
afterAll(async () => {
  await cluster?.stop();
  await redis?.stop();
});

const match = 'mutation { match { id status partner { name } } }';
const viewer = '{ match { id status } }';

/** Signs in a guest and follows their match. */
async function stranger(gateway: ServerProcess, name: string) {
  const person = await guest(gateway.url, name);
  const client = socket(gateway.url, person.token);
  const { received } = follow(client, 'subscription { match { id status endReason partner { name } } }');
  await vi.waitFor(() => expect(received).toEqual([null]));
  return { person, latest: () => received.at(-1), close: () => client.dispose() };
}

const isAway = ({ codeOf }: Person) => vi.waitFor(async () => expect(await codeOf(match)).toBe('UNAVAILABLE'));

test('a waiting user regains their place after Redis loses its data, and is matched from another gateway', async () => {
  const [ada, ben] = [await stranger(here, 'Ada'), await stranger(there, 'Ben')];
  const place = (await ada.person.ask(match)).match;
  await vi.waitFor(() => expect(ada.latest()).toMatchObject({ id: place.id, status: 'WAITING' }));

  await redis.kill('SIGKILL');
  await redis.restart();
  await vi.waitFor(async () =>
    expect((await ada.person.ask(viewer)).match).toEqual({ id: place.id, status: 'WAITING' }),
  );
  expect((await ben.person.ask(match)).match).toMatchObject({ status: 'MATCHED', partner: { name: 'Ada' } });

  await vi.waitFor(() => expect(ada.latest()).toMatchObject({ status: 'MATCHED', partner: { name: 'Ben' } }));
  for (const one of [ada, ben]) await one.close();
});

test('a match survives the loss of the data in Redis; while Redis is unavailable users can leave a match but not queue', async () => {
  const [ada, ben, cleo] = [await stranger(here, 'Ada'), await stranger(there, 'Ben'), await stranger(there, 'Cleo')];
  await ada.person.ask(match);
  const { id } = (await ben.person.ask(match)).match;
  await vi.waitFor(() => expect(ada.latest()).toMatchObject({ status: 'MATCHED', partner: { name: 'Ben' } }));

  await redis.kill('SIGKILL');
  await redis.restart();
  await vi.waitFor(async () => expect((await cleo.person.ask(match)).match.status).toBe('WAITING'));
  expect((await ben.person.ask(match)).match).toEqual({ id, status: 'MATCHED', partner: { name: 'Ada' } });

  // A subscriber renews the place, and only after the place was delivered to it.
  await vi.waitFor(() => expect(cleo.latest()).toMatchObject({ status: 'WAITING' }));

  await redis.kill('SIGKILL');
  await isAway(cleo.person);
  expect((await ben.person.ask('mutation { unmatch { id status } }')).unmatch).toEqual({ id, status: 'ENDED' });
  await vi.waitFor(() => expect(ada.latest()).toMatchObject({ status: 'ENDED', endReason: 'PARTNER_LEFT' }));
  await redis.restart();
  await vi.waitFor(() => ada.person.ask(match));
  await vi.waitFor(() => expect(ada.latest()).toMatchObject({ status: 'MATCHED', partner: { name: 'Cleo' } }));
  for (const one of [ada, ben, cleo]) await one.close();
});
