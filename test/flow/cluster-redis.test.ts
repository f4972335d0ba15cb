import type { Client } from 'graphql-ws';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { follow, followMessages, guest, type Person, socket } from '../support/client.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { openDirectOf } from '../support/invitations.ts';
import { patientSettings } from '../support/patience.ts';
import { fetchProbe } from '../support/probes.ts';
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
  await bringRedisBack();
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
  await bringRedisBack();
  await vi.waitFor(async () => expect((await cleo.person.ask(match)).match.status).toBe('WAITING'));
  expect((await ben.person.ask(match)).match).toEqual({ id, status: 'MATCHED', partner: { name: 'Ada' } });

  // A subscriber renews the place, and only after the place was delivered to it.
  await vi.waitFor(() => expect(cleo.latest()).toMatchObject({ status: 'WAITING' }));

  await redis.kill('SIGKILL');
  await isAway(cleo.person);
  expect((await ben.person.ask('mutation { unmatch { id status } }')).unmatch).toEqual({ id, status: 'ENDED' });
  await vi.waitFor(() => expect(ada.latest()).toMatchObject({ status: 'ENDED', endReason: 'PARTNER_LEFT' }));
  await bringRedisBack();
  await vi.waitFor(() => ada.person.ask(match));
  await vi.waitFor(() => expect(ada.latest()).toMatchObject({ status: 'MATCHED', partner: { name: 'Cleo' } }));
  for (const one of [ada, ben, cleo]) await one.close();
});

test('while Redis is away messages and lists come late, and after it is back nothing is missing', async () => {
  const [ada, ben] = [await guest(here.url, 'Ada'), await guest(there.url, 'Ben')];
  const direct = await openDirectOf(ada, ben);
  const client = socket(there.url, ben.token);
  const messages = followMessages(client, direct, 0);
  const list = follow(client, 'subscription { channels { id lastMessage { text } } }');
  await vi.waitFor(() => expect(list.received.at(-1)?.id).toBe(direct));

  await redis.kill('SIGKILL');
  await say(ada, direct, 'Away?');
  await vi.waitFor(() => expect(messages.received.at(-1)?.text).toBe('Away?'));
  await vi.waitFor(() => expect(list.received.at(-1)?.lastMessage?.text).toBe('Away?'));
  const room = (await ada.ask('mutation { createRoom(input: { name: "Hall", visibility: PRIVATE }) { id } }'))
    .createRoom;
  await ada.ask('mutation ($c: ID!, $u: ID!) { invite(channelId: $c, userId: $u) { id } }', { c: room.id, u: ben.id });
  await vi.waitFor(() => expect(list.received.map(({ id }) => id)).toContain(room.id));
  await bringRedisBack();
  await say(ada, direct, 'Back!');
  await vi.waitFor(() => expect(messages.received.map(({ text }) => text)).toEqual(['Away?', 'Back!']));
  await vi.waitFor(() => expect(list.received.at(-1)?.lastMessage?.text).toBe('Back!'));

  messages.stop();
  list.stop();
  await client.dispose();
});

test('a revocation while Redis is away closes sockets on other gateways', async () => {
  const ada = await guest(here.url, 'Ada');
  const client = socket(there.url, ada.token);
  const codes = closeCodes(client);
  const followed = follow(client, 'subscription { match { id } }');
  await vi.waitFor(() => expect(followed.received).toEqual([null]));
  await redis.kill('SIGKILL');
  await ada.ask('mutation { logout }');
  await vi.waitFor(() => expect(codes).toContain(4403));
  followed.stop();
  await bringRedisBack();
});

/** Restarts Redis, and waits until both gateways have reached it again. */
async function bringRedisBack(): Promise<void> {
  await redis.restart();
  for (const { url } of [here, there])
    await vi.waitFor(async () => expect((await fetchProbe(url, 'ready')).status).toBe(200));
}

async function say(person: Person, channelId: string, text: string): Promise<void> {
  const send = 'mutation ($input: SendInput!) { send(input: $input) { message { id } } }';
  await vi.waitFor(() => person.ask(send, { input: { channelId, text, clientId: text } }));
}

/** Collects the codes with which a client's sockets are closed. */
function closeCodes(client: Client): number[] {
  const codes: number[] = [];
  client.on('closed', (event) => codes.push((event as { code: number }).code));
  return codes;
}
