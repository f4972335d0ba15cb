import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import type { Following } from '../support/followers.ts';
import { freePort } from '../support/free-port.ts';
import { startLoad } from '../support/load.ts';
import { fetchMetric } from '../support/probes.ts';
import type { ServerProcess } from '../support/process.ts';
import { type KafkaService, startOwnKafka } from '../support/services/kafka.ts';
import { type PostgresService, startOwnPostgres } from '../support/services/postgres.ts';
import { type RedisService, startOwnRedis } from '../support/services/redis.ts';
import type { Server } from '../support/services/server.ts';
import { untilSuspended } from '../support/services/suspended.ts';

let postgres: PostgresService;
let redis: RedisService;
let kafka: KafkaService;
let cluster: Cluster;
const gateways: { port: string; process: ServerProcess }[] = [];
const bridges: ServerProcess[] = [];
let balancer: Balancer;

beforeAll(async () => {
  [postgres, redis, kafka] = await Promise.all([startOwnPostgres(), startOwnRedis(), startOwnKafka()]);
  cluster = createCluster({
    databaseUrl: await postgres.createDatabase(),
    redisUrl: redis.url,
    brokers: kafka.brokers,
  });
  for (let n = 0; n < 2; n++) {
    const port = `${await freePort()}`;
    gateways.push({ port, process: await startGateway(port) });
    bridges.push(await cluster.bridge());
  }
  balancer = await startBalancer([`127.0.0.1:${gateways[0]?.port}`, `127.0.0.1:${gateways[1]?.port}`]);
  await vi.waitFor(async () => expect((await fetch(`${balancer.url}/health`)).status).toBe(200));
});
afterAll(async () => {
  await balancer?.stop();
  await cluster?.stop();
  await Promise.all([postgres, redis, kafka].map((one) => one?.stop()));
});

/** Clients connect through the balancer, with the configuration of the docs. */
const urls = () => [balancer.url];

const startGateway = (port: string) => cluster.gateway({ PORT: port, DRAIN_MS: '2500' });

async function restartGateway(n: number, signal: NodeJS.Signals, onFault = () => {}): Promise<void> {
  const gateway = gateways[n];
  if (gateway === undefined) throw new Error(`there is no gateway ${n}`);
  expect(await gateway.process.kill(signal)).toBe(exitCodes[signal]);
  onFault();
  gateway.process = await startGateway(gateway.port);
}

async function restartBridge(n: number, signal: NodeJS.Signals, onFault = () => {}): Promise<void> {
  expect(await bridges[n]?.kill(signal)).toBe(exitCodes[signal]);
  onFault();
  bridges[n] = await cluster.bridge();
}

/** Returns the index of the bridge that applies the current messages. */
async function findBusyBridge(): Promise<number> {
  const before = await Promise.all(bridges.map(countApplied));
  let rises: number[] = [];
  await vi.waitFor(async () => {
    const after = await Promise.all(bridges.map(countApplied));
    rises = after.map((count, n) => count - (before[n] ?? 0));
    expect(Math.max(...rises)).toBeGreaterThan(20);
  });
  return rises.indexOf(Math.max(...rises));
}

function countApplied({ url }: ServerProcess): Promise<number> {
  return fetchMetric(url, 'events_applied_total');
}

/** Kills a service, and starts it again after a while. */
async function restartService(service: Server, awayMs: number, onFault: () => void): Promise<void> {
  await service.kill('SIGKILL');
  onFault();
  await pause(awayMs);
  await service.restart();
}

/** Exit codes by signal: a process that is asked to end exits cleanly; a killed one has no code. */
const exitCodes: Partial<Record<NodeJS.Signals, number | null>> = { SIGTERM: 0, SIGKILL: null };

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Faults to inject under load. Each calls its argument when the fault occurs, and resolves when the cluster is whole again. */
const faults: Record<string, (onFault: () => void) => Promise<void>> = {
  'the active bridge is killed': async (onFault) => restartBridge(await findBusyBridge(), 'SIGKILL', onFault),
  'both bridges are killed': async (onFault) => {
    await Promise.all([restartBridge(0, 'SIGKILL'), restartBridge(1, 'SIGKILL', onFault)]);
  },
  'a gateway is killed': (onFault) => restartGateway(0, 'SIGKILL', onFault),
  'Redis is killed and restarted empty': (onFault) => restartService(redis, 2_000, onFault),
  'Kafka is killed and restarted with its data': (onFault) => restartService(kafka, 1_000, onFault),
  'PostgreSQL is killed and restarted with its data': (onFault) => restartService(postgres, 1_000, onFault),
  'the active bridge is suspended past its session and resumed as a zombie': async (onFault) => {
    const zombie = bridges[await findBusyBridge()];
    zombie?.child.kill('SIGSTOP');
    await untilSuspended(zombie?.child.pid ?? 0);
    onFault();
    await pause(35_000);
    zombie?.child.kill('SIGCONT');
  },
};

async function restartAll(onFault: () => void): Promise<void> {
  await restartGateway(0, 'SIGTERM', onFault);
  await restartBridge(0, 'SIGTERM');
  await restartGateway(1, 'SIGTERM');
  await restartBridge(1, 'SIGTERM');
}

/** Injects a fault under load, and expects that all subscribers get everything. */
async function passThrough(
  name: string,
  fault: (onFault: () => void) => Promise<void>,
  following: readonly Following[],
): Promise<void> {
  const load = await startLoad(urls, { following });
  await load.progress(100);
  let first: Promise<number[]> | undefined;
  await fault(() => {
    first = load.firstDeliveries();
  });
  const times = (await first) ?? [];
  await load.progress(100);
  const [best, median, worst] = [times[0], times[times.length / 2], times.at(-1)];
  console.info(
    `${name}, by ${following}: the next messages arrive after ${best} ms at best, ${median} ms median, ${worst} ms at worst`,
  );
  await load.verify();
  expect(load.acknowledged()).toBeGreaterThan(200);
}

/** Seconds for which Redis is away. */
const awaySeconds = { messages: 60, updates: 10 } as const;

describe.each(['messages', 'updates'] as const)('twenty senders and twenty subscribers by %s', (following) => {
  test.each(Object.entries(faults))('lose, repeat and reorder nothing if %s', (name, fault) =>
    passThrough(name, fault, [following]),
  );

  const seconds = awaySeconds[following];

  test(`send and receive messages while Redis is unavailable for ${seconds} seconds`, async () => {
    const load = await startLoad(urls, { following: [following] });
    await load.progress(100);
    const before = await load.measure(pause(seconds * 150));
    await redis.kill('SIGSTOP');
    let isBack = false;
    const away = pause(seconds * 1_000).then(() => {
      isBack = true;
    });
    const measured = load.measure(away);
    const deliveries: number[] = [];
    while (!isBack) {
      await load.progress(10);
      deliveries.push((await load.firstDeliveries()).at(-1) ?? 0);
    }
    const whileAway = await measured;
    await redis.kill('SIGCONT');
    deliveries.sort((one, other) => one - other);
    const worst = `${deliveries[deliveries.length >> 1]} ms median, ${deliveries.at(-1)} ms at worst`;
    console.info('before', before, 'while Redis is unavailable', whileAway, `delivery to all subscribers: ${worst}`);
    await load.progress(100);
    await load.verify();
  });
});

test('subscribers by messages and updates lose nothing if all processes are restarted one after another', () =>
  passThrough('all processes are restarted one after another', restartAll, ['messages', 'updates']));
