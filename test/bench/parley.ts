import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import { startOwnKafka } from '../support/services/kafka.ts';
import { startOwnPostgres } from '../support/services/postgres.ts';
import { startOwnRedis } from '../support/services/redis.ts';
import { type Measured, start } from './processes.ts';

/** Built Parley, in one process or in several. */
export interface Parley {
  mode: 'embedded' | 'distributed';
  /** Server to which the measured clients connect. */
  gateway: Measured & { url: URL };
  /** URL for all other requests: another gateway, or the same process. */
  backstage: URL;
  /** Id of the process at that URL. */
  backstagePid: number;
  /** Directory of an embedded server's data; null if the services have it. */
  directory: string | null;
  /** Ids of the processes by name; their children belong to them. */
  pids: Record<string, number>;
  /** Kills the gateway of the measured clients, and starts another one in its place. */
  replaceGateway(): Promise<void>;
  stop(): Promise<void>;
}

/** Services of a distributed Parley. */
export interface Services {
  kafka: Awaited<ReturnType<typeof startOwnKafka>>;
  redis: Awaited<ReturnType<typeof startOwnRedis>>;
  postgres: Awaited<ReturnType<typeof startOwnPostgres>>;
  stop(): Promise<void>;
}

export async function startServices(): Promise<Services> {
  const [kafka, redis, postgres] = await Promise.all([startOwnKafka(), startOwnRedis(), startOwnPostgres()]);
  const stop = async () => {
    await Promise.all([kafka, redis, postgres].map((service) => service.stop()));
  };
  return { kafka, redis, postgres, stop };
}

/** Options that `npm start` passes to Node. */
const started = manifest.scripts.start.split(' ').slice(1);

const limits = { RATE_LIMITS: 'off', SECURITY_LOG: 'off', MAX_SUBSCRIPTIONS: '1000', HOST: '127.0.0.1', PORT: '0' };

/** Starts one process with every service in it. */
export async function startEmbedded(environment: Record<string, string> = {}): Promise<Parley> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-bench-'));
  const gateway = await startServer({ DATA_DIR: directory, ...environment });
  const stop = async () => {
    await gateway.stop();
    await rm(directory, { recursive: true });
  };
  const pid = gateway.child.pid ?? 0;
  const pids = { parley: pid };
  const replaceGateway = () => Promise.reject(new Error('the gateway is the whole server'));
  return {
    mode: 'embedded',
    gateway,
    backstage: gateway.url,
    backstagePid: pid,
    directory,
    pids,
    replaceGateway,
    stop,
  };
}

/** Starts a gateway, a bridge, and a second gateway for unmeasured requests, over services. */
export async function startDistributed(
  { kafka, redis, postgres }: Services,
  environment: Record<string, string> = {},
): Promise<Parley> {
  const prefix = `bench-${randomUUID()}`;
  const shared = {
    DATABASE_URL: postgres.url,
    REDIS_URL: redis.url,
    KAFKA_BROKERS: kafka.brokers,
    REDIS_PREFIX: prefix,
    KAFKA_TOPIC_PREFIX: prefix,
    JWT_SECRET: randomBytes(32).toString('hex'),
  };
  const run = (SERVICES: string) => startServer({ ...shared, SERVICES, ...environment });
  const gateway = await run('gateway');
  const [bridge, backstage] = await Promise.all([run('bridge'), run('gateway')]);
  const parley: Parley = {
    mode: 'distributed',
    gateway,
    backstage: backstage.url,
    backstagePid: backstage.child.pid ?? 0,
    directory: null,
    pids: { gateway: gateway.child.pid ?? 0, bridge: bridge.child.pid ?? 0 },
    async replaceGateway() {
      await parley.gateway.stop();
      parley.gateway = await run('gateway');
      parley.pids['gateway'] = parley.gateway.child.pid ?? 0;
    },
    async stop() {
      await Promise.all([parley.gateway, backstage, bridge].map((one) => one.stop()));
    },
  };
  return parley;
}

async function startServer(environment: Record<string, string>): Promise<Measured & { url: URL }> {
  const server = await start([process.execPath, ...started], /ready.*? at (https?:\/\/\w+:\d+)/, {
    ...limits,
    ...environment,
  });
  return { ...server, url: new URL(server.ready[1]?.replace('localhost', '127.0.0.1') ?? '') };
}

/** Executes many operations over HTTP, ten per request and several requests at a time; throws for any error. */
export async function askAll<Data>(
  url: URL,
  asked: readonly { query: string; variables: object; token?: string }[],
): Promise<Data[]> {
  const answers: Data[] = [];
  const size = 40;
  for (let at = 0; at < asked.length; at += size) {
    const some = asked.slice(at, at + size).map(async ({ token, ...body }) => {
      const response = await fetch(`${url.origin}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
        body: JSON.stringify(body),
      });
      const { data, errors } = (await response.json()) as { data: Data; errors?: unknown };
      if (errors) throw new Error(JSON.stringify(errors));
      return data;
    });
    answers.push(...(await Promise.all(some)));
  }
  return answers;
}
