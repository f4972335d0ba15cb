import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { followMessages, guest, socket } from '../support/client.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { freePort } from '../support/free-port.ts';
import { startNameserver } from '../support/nameserver.ts';
import type { ServerProcess } from '../support/process.ts';
import { type RedisService, startOwnRedis } from '../support/services/redis.ts';
import { createSharedDatabase, sharedKafka } from '../support/services/shared.ts';

const patience = { timeout: 20_000, interval: 50 };

let redis: RedisService;
let cluster: Cluster;
const gateways: { port: string; process: ServerProcess }[] = [];
let balancer: Balancer;

beforeAll(async () => {
  const [brokers, databaseUrl] = await Promise.all([sharedKafka(), createSharedDatabase()]);
  redis = await startOwnRedis();
  cluster = createCluster({ databaseUrl, redisUrl: redis.url, brokers });
  for (let n = 0; n < 2; n++) gateways.push(await startGateway(`${await freePort()}`));
  await cluster.bridge();
  balancer = await startBalancer([`127.0.0.1:${gateways[0]?.port}`, `127.0.0.1:${gateways[1]?.port}`]);
  await vi.waitFor(async () => expect((await fetch(`${balancer.url}/health`)).status).toBe(200), patience);
}, 120_000);
afterAll(async () => {
  balancer?.stop();
  await cluster?.stop();
  await redis?.stop();
});

async function startGateway(port: string): Promise<{ port: string; process: ServerProcess }> {
  return { port, process: await cluster.gateway({ PORT: port, DRAIN_MS: '2500' }) };
}

const send =
  'mutation ($id: ID!, $text: String!) { send(input: { channelId: $id, text: $text }) { message { id seq } } }';

/** A room, and somebody in it who follows it through the balancer. */
async function openRoom() {
  const ada = await guest(balancer.url, 'Ada');
  const { id } = (await ada.ask('mutation { createRoom(input: { name: "Balanced" }) { id } }')).createRoom;
  const client = socket(balancer.url, ada.token);
  const followed = followMessages(client, id, 0);
  await vi.waitFor(() => expect(followed.received).toHaveLength(1), patience);
  const texts = () => followed.received.slice(1).map(({ text }) => text);
  return { ada, id, texts, close: () => client.dispose() };
}

/** How many sockets a gateway has. */
async function connections({ process }: { process: ServerProcess }): Promise<number> {
  const metrics = await (await fetch(`${process.url}/metrics`)).text();
  return Number(/^parley_connections (\d+)$/m.exec(metrics)?.[1]);
}

test('requests and sockets are passed on, and go by the gateway that stops: no request fails for it', async () => {
  const { ada, id, texts, close } = await openRoom();
  const sent: string[] = [];
  for (let round = 0; round < 2; round++) {
    const counts = await Promise.all(gateways.map(connections));
    const n = counts.indexOf(1);
    const holder = gateways[n] as (typeof gateways)[number];
    const stopped = holder.process.kill('SIGTERM');
    let isOver = false;
    void stopped.then(() => {
      isOver = true;
    });
    do {
      const text = `${sent.length}`;
      await ada.ask(send, { id, text });
      sent.push(text);
    } while (!isOver);
    expect(await stopped).toBe(0);
    await vi.waitFor(() => expect(texts()).toEqual(sent), patience);
    gateways[n] = await startGateway(holder.port);
  }
  await close();
});

test('while Redis is away messages are sent and delivered through the balancer', async () => {
  const { ada, id, texts, close } = await openRoom();
  await redis.kill('SIGSTOP');
  for (const { process } of gateways) {
    await vi.waitFor(async () => {
      const ready = await fetch(`${process.url}/ready`);
      const { ports } = (await ready.json()) as { ports: object };
      expect(ready.status).toBe(503);
      expect(ports).toEqual({ database: 'ok', pubsub: 'away', state: 'away', log: 'ok', objects: 'ok' });
    }, patience);
  }
  const sent = Array.from({ length: 5 }, (_, n) => `${n}`);
  for (const text of sent) await ada.ask(send, { id, text });
  await vi.waitFor(() => expect(texts()).toEqual(sent), patience);
  await redis.kill('SIGCONT');
  await close();
});

test('a gateway that has another address under its name is found there', async () => {
  const port = await freePort();
  const [old, next] = [await answerAt('127.0.0.2', port, 'old'), await answerAt('127.0.0.3', port, 'next')];
  const names = await startNameserver('127.0.0.2');
  const named = await startBalancer([`gateway1.test:${port}`, `gateway1.test:${port}`], names.at);
  const answers = async () => (await fetch(`${named.url}/health`)).text();
  await vi.waitFor(async () => expect(await answers()).toBe('old'), patience);

  names.point('127.0.0.3');
  old.closeAllConnections();
  old.close();

  await vi.waitFor(async () => expect(await answers()).toBe('next'), patience);
  named.stop();
  names.stop();
  next.closeAllConnections();
  next.close();
});

/** A server at an address of this machine that says one thing. */
async function answerAt(host: string, port: number, text: string) {
  const server = createServer((_request, response) => void response.end(text));
  await once(server.listen(port, host), 'listening');
  return server;
}
