import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { freePort } from '../support/free-port.ts';
import { startLoad } from '../support/load.ts';
import type { ServerProcess } from '../support/process.ts';
import { type KafkaService, startOwnKafka } from '../support/services/kafka.ts';
import { type PostgresService, startOwnPostgres } from '../support/services/postgres.ts';
import { type RedisService, startOwnRedis } from '../support/services/redis.ts';
import type { Server } from '../support/services/server.ts';

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

/** Everybody comes by the balancer, with the configuration that is in the docs. */
const urls = () => [balancer.url];

const startGateway = (port: string) => cluster.gateway({ PORT: port, DRAIN_MS: '2500' });

async function restartGateway(n: number, signal: NodeJS.Signals, struck = () => {}): Promise<void> {
  const gateway = gateways[n];
  if (gateway === undefined) throw new Error(`there is no gateway ${n}`);
  expect(await gateway.process.kill(signal)).toBe(exitCodes[signal]);
  struck();
  gateway.process = await startGateway(gateway.port);
}

async function restartBridge(n: number, signal: NodeJS.Signals, struck = () => {}): Promise<void> {
  expect(await bridges[n]?.kill(signal)).toBe(exitCodes[signal]);
  struck();
  bridges[n] = await cluster.bridge();
}

/** Which of the bridges applies what is sent at the moment. */
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

async function countApplied({ url }: ServerProcess): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(/^parley_events_applied_total (\d+)$/m.exec(metrics)?.[1]);
}

/** Kills a service, and starts it again a while later. */
async function restartService(service: Server, awayMs: number, struck: () => void): Promise<void> {
  await service.kill('SIGKILL');
  struck();
  await pause(awayMs);
  await service.restart();
}

/** Who is asked to end does so cleanly; who is killed says nothing. */
const exitCodes: Partial<Record<NodeJS.Signals, number | null>> = { SIGTERM: 0, SIGKILL: null };

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What is done to the cluster in the middle of the load, which says when it is done; all is whole again when this resolves. */
const faults: Record<string, (struck: () => void) => Promise<void>> = {
  'the bridge at work killed': async (struck) => restartBridge(await findBusyBridge(), 'SIGKILL', struck),
  'both bridges killed': async (struck) => {
    await Promise.all([restartBridge(0, 'SIGKILL'), restartBridge(1, 'SIGKILL', struck)]);
  },
  'a gateway killed': (struck) => restartGateway(0, 'SIGKILL', struck),
  'Redis killed and started empty': (struck) => restartService(redis, 2_000, struck),
  'Kafka killed and started with its data': (struck) => restartService(kafka, 1_000, struck),
  'PostgreSQL killed and started with its data': (struck) => restartService(postgres, 1_000, struck),
  'the bridge at work stopped past its session and woken, a zombie': async (struck) => {
    const zombie = bridges[await findBusyBridge()];
    zombie?.child.kill('SIGSTOP');
    struck();
    await pause(35_000);
    zombie?.child.kill('SIGCONT');
  },
  'a rolling restart of all': async (struck) => {
    await restartGateway(0, 'SIGTERM', struck);
    await restartBridge(0, 'SIGTERM');
    await restartGateway(1, 'SIGTERM');
    await restartBridge(1, 'SIGTERM');
  },
};

describe('in the middle of twenty senders and twenty subscribers', () => {
  test.each(Object.keys(faults))('%s: nothing acknowledged is lost, nothing comes twice, one order', async (name) => {
    const load = await startLoad(urls);
    await load.progress(100);
    let first: Promise<number[]> | undefined;
    await faults[name]?.(() => {
      first = load.firstDeliveries();
    });
    const times = (await first) ?? [];
    await load.progress(100, 120_000);
    const [best, median, worst] = [times[0], times[times.length / 2], times.at(-1)];
    console.info(`${name}: what was sent after it came after ${best} ms, at the median ${median}, at worst ${worst}`);
    await load.verify();
    expect(load.acknowledged()).toBeGreaterThan(200);
  });

  test('Redis away for a minute: what is sent is acknowledged and delivered all the while', async () => {
    const load = await startLoad(urls);
    await load.progress(100);
    const before = await load.pace(pause(10_000));
    await redis.kill('SIGSTOP');
    let isBack = false;
    const minute = pause(60_000).then(() => {
      isBack = true;
    });
    const pace = load.pace(minute);
    const deliveries: number[] = [];
    while (!isBack) {
      await load.progress(10, 10_000);
      deliveries.push((await load.firstDeliveries()).at(-1) ?? 0);
    }
    const away = await pace;
    await redis.kill('SIGCONT');
    deliveries.sort((one, other) => one - other);
    const worst = `${deliveries[deliveries.length >> 1]} ms at the median and ${deliveries.at(-1)} at most`;
    console.info('before', before, 'while Redis is away', away, `a send was with all subscribers after ${worst}`);
    await load.progress(100);
    await load.verify();
  });
});
