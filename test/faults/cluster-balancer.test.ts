import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { followMessages, guest, socket } from '../support/client.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { freePort } from '../support/free-port.ts';
import { startNameserver } from '../support/nameserver.ts';
import { patientSettings } from '../support/patience.ts';
import { fetchMetric, fetchProbe } from '../support/probes.ts';
import type { ServerProcess } from '../support/process.ts';
import { type RedisService, startOwnRedis } from '../support/services/redis.ts';
import { createSharedDatabase, sharedKafka } from '../support/services/shared.ts';

let redis: RedisService;
let cluster: Cluster;
const gateways: { port: string; process: ServerProcess }[] = [];
let balancer: Balancer;

beforeAll(async () => {
  const [brokers, databaseUrl] = await Promise.all([sharedKafka(), createSharedDatabase()]);
  redis = await startOwnRedis();
  cluster = createCluster({ databaseUrl, redisUrl: redis.url, brokers });
  for (let n = 0; n < 2; n++) gateways.push(await startGateway(`${await freePort()}`));
  await cluster.bridge(patientSettings);
  balancer = await startBalancer([`127.0.0.1:${gateways[0]?.port}`, `127.0.0.1:${gateways[1]?.port}`]);
  await vi.waitFor(async () => expect((await fetch(`${balancer.url}/health`)).status).toBe(200));
});
afterAll(async () => {
  await balancer?.stop();
  await cluster?.stop();
  await redis?.stop();
});

async function startGateway(port: string): Promise<{ port: string; process: ServerProcess }> {
  return { port, process: await cluster.gateway({ ...patientSettings, PORT: port, DRAIN_MS: '6000' }) };
}

const send =
  'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id seq } } }';

/** Creates a room, and follows it through the balancer as its only member. */
async function openRoom() {
  const ada = await guest(balancer.url, 'Ada');
  const { id } = (await ada.ask('mutation { createRoom(input: { name: "Balanced" }) { id } }')).createRoom;
  const client = socket(balancer.url, ada.token);
  const followed = followMessages(client, id, 0);
  await vi.waitFor(() => expect(followed.received).toHaveLength(1));
  const texts = () => followed.received.slice(1).map(({ text }) => text);
  return { ada, id, texts, close: () => client.dispose() };
}

/** Number of WebSockets of a gateway. */
const countConnections = ({ process }: { process: ServerProcess }) => fetchMetric(process.url, 'connections');

test('requests and sockets move to the other gateway while one stops, and no request fails', async () => {
  const { ada, id, texts, close } = await openRoom();
  const sent: string[] = [];
  for (let round = 0; round < 2; round++) {
    const counts = await Promise.all(gateways.map(countConnections));
    const n = counts.indexOf(1);
    const holder = gateways[n] as (typeof gateways)[number];
    const stopped = holder.process.kill('SIGTERM');
    let isStopped = false;
    void stopped.then(() => {
      isStopped = true;
    });
    do {
      const text = `${sent.length}`;
      await ada.ask(send, { id, text });
      sent.push(text);
    } while (!isStopped);
    expect(await stopped).toBe(0);
    await vi.waitFor(() => expect(texts()).toEqual(sent));
    gateways[n] = await startGateway(holder.port);
  }
  await close();
});

test('messages are sent and delivered through the balancer while Redis is unavailable', async () => {
  const { ada, id, texts, close } = await openRoom();
  await redis.kill('SIGSTOP');
  for (const { process } of gateways) {
    await vi.waitFor(async () => {
      const ready = await fetchProbe(process.url, 'ready');
      const { ports } = (await ready.json()) as { ports: object };
      expect(ready.status).toBe(503);
      expect(ports).toEqual({ database: 'ok', pubsub: 'away', state: 'away', log: 'ok', objects: 'ok' });
    });
  }
  const sent = Array.from({ length: 5 }, (_, n) => `${n}`);
  for (const text of sent) await ada.ask(send, { id, text });
  await vi.waitFor(() => expect(texts()).toEqual(sent));
  await redis.kill('SIGCONT');
  await close();
});

test('the balancer passes neither metrics nor the state of services', async () => {
  for (const probe of ['metrics', 'ready'] as const) expect((await fetchProbe(balancer.url, probe)).status).toBe(404);
});

test('the balancer finds a gateway whose name resolves to a new address', async () => {
  const port = await freePort();
  const [old, next] = [await serveAt('127.0.0.2', port, 'old'), await serveAt('127.0.0.3', port, 'next')];
  const names = await startNameserver('127.0.0.2');
  const named = await startBalancer([`gateway1.test:${port}`, `gateway1.test:${port}`], names.at);
  const read = async () => (await fetch(`${named.url}/health`)).text();
  await vi.waitFor(async () => expect(await read()).toBe('old'));

  names.point('127.0.0.3');
  old.closeAllConnections();
  old.close();

  await vi.waitFor(async () => expect(await read()).toBe('next'));
  await named.stop();
  names.stop();
  next.closeAllConnections();
  next.close();
});

/** Starts an HTTP server at a loopback address that responds with one text. */
async function serveAt(host: string, port: number, text: string) {
  const server = createServer((_request, response) => void response.end(text));
  await once(server.listen(port, host), 'listening');
  return server;
}
