import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cluster, createCluster } from '../support/cluster.ts';
import { freePort } from '../support/free-port.ts';
import { startLoad } from '../support/load.ts';
import type { ServerProcess } from '../support/process.ts';
import { type KafkaService, startOwnKafka } from '../support/services/kafka.ts';
import { type PostgresService, startOwnPostgres } from '../support/services/postgres.ts';
import { type RedisService, startOwnRedis } from '../support/services/redis.ts';

let postgres: PostgresService;
let redis: RedisService;
let kafka: KafkaService;
let cluster: Cluster;
const gateways: { port: string; process: ServerProcess }[] = [];
const bridges: ServerProcess[] = [];

beforeAll(async () => {
  [postgres, redis, kafka] = await Promise.all([startOwnPostgres(), startOwnRedis(), startOwnKafka()]);
  cluster = createCluster({
    databaseUrl: await postgres.createDatabase(),
    redisUrl: redis.url,
    brokers: kafka.brokers,
  });
  for (let n = 0; n < 2; n++) {
    const port = `${await freePort()}`;
    gateways.push({ port, process: await cluster.gateway({ PORT: port }) });
    bridges.push(await cluster.bridge());
  }
}, 180_000);
afterAll(async () => {
  await cluster?.stop();
  await Promise.all([postgres, redis, kafka].map((one) => one?.stop()));
});

const urls = () => gateways.map(({ process }) => process.url);

async function restartGateway(n: number, signal: NodeJS.Signals): Promise<void> {
  const gateway = gateways[n];
  if (gateway === undefined) throw new Error(`there is no gateway ${n}`);
  await gateway.process.kill(signal);
  gateway.process = await cluster.gateway({ PORT: gateway.port });
}

async function restartBridge(n: number, signal: NodeJS.Signals): Promise<void> {
  await bridges[n]?.kill(signal);
  bridges[n] = await cluster.bridge();
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** What is done to the cluster in the middle of the load; it is whole again when this resolves. */
const faults: Record<string, () => Promise<void>> = {
  'a bridge killed': () => restartBridge(0, 'SIGKILL'),
  'both bridges killed': async () => {
    await Promise.all([restartBridge(0, 'SIGKILL'), restartBridge(1, 'SIGKILL')]);
  },
  'a gateway killed': () => restartGateway(0, 'SIGKILL'),
  'Redis killed and started empty': async () => {
    await redis.kill('SIGKILL');
    await pause(2_000);
    await redis.restart();
  },
  'Kafka killed and started with its data': async () => {
    await kafka.kill('SIGKILL');
    await pause(1_000);
    await kafka.restart();
  },
  'PostgreSQL killed and started with its data': async () => {
    await postgres.kill('SIGKILL');
    await pause(1_000);
    await postgres.restart();
  },
  'a bridge stopped past its session and woken, a zombie': async () => {
    const [zombie] = bridges;
    zombie?.child.kill('SIGSTOP');
    await pause(35_000);
    zombie?.child.kill('SIGCONT');
  },
  'a rolling restart of all': async () => {
    await restartGateway(0, 'SIGTERM');
    await restartBridge(0, 'SIGTERM');
    await restartGateway(1, 'SIGTERM');
    await restartBridge(1, 'SIGTERM');
  },
};

describe('in the middle of twenty senders and twenty subscribers', () => {
  test.each(Object.keys(faults))('%s: nothing acknowledged is lost, nothing comes twice, one order', async (name) => {
    const load = await startLoad(urls);
    await load.progress(100);
    const from = Date.now();
    const first = load.nextDelivery();
    await faults[name]?.();
    await first;
    const whole = Date.now() - from;
    await load.progress(100, 120_000);
    console.info(`${name}: whole again after ${whole} ms, going on after ${Date.now() - from} ms`);
    await load.verify();
    expect(load.acknowledged()).toBeGreaterThan(200);
  });

  test('Redis away for a minute: what is sent is acknowledged and delivered all the while', async () => {
    const load = await startLoad(urls);
    await load.progress(100);
    await redis.kill('SIGSTOP');
    const from = Date.now();
    let sent = 0;
    while (Date.now() - from < 60_000) {
      const before = load.acknowledged();
      await load.progress(10, 20_000);
      await load.nextDelivery();
      sent += load.acknowledged() - before;
    }
    await redis.kill('SIGCONT');
    console.info(`Redis away: ${(sent / 60).toFixed(1)} acknowledged a second`);
    await load.progress(100);
    await load.verify();
  });
});
