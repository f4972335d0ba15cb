import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import type { Contained } from './containers.ts';
import { createFirstData } from './first-data.ts';
import { startOwnKafka } from './kafka.ts';
import { hasDocker } from './left-out.ts';
import { createDatabaseAt, dropDatabaseAt, startOwnPostgres } from './postgres.ts';
import { startOwnRedis } from './redis.ts';
import { startOwnS3 } from './s3.ts';
import type { Shared } from './shared.ts';

/** Opens a server of one kind. `address` returns its address, or creates a new one where each user gets their own. */
type Kind = () => Promise<{ address: () => Promise<string>; stop(): Promise<void> }>;

const kinds: Readonly<Record<string, Kind>> = {
  kafka: openKafka,
  redis: openRedis,
  database: openPostgres,
  s3: openS3,
  'first-data': openFirstData,
};

/**
 * Provides one server of each kind to a whole run; test files request it over HTTP. It is the server that an environment
 * variable names, or one that starts at the first request: in a container if Docker is available. It stops after the run.
 */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const opened = new Map<string, ReturnType<Kind>>();
  const open = (name: string): ReturnType<Kind> => {
    const one = opened.get(name) ?? kinds[name]?.() ?? Promise.reject(new Error(`there is no kind ${name}`));
    opened.set(name, one);
    return one;
  };
  const server = createServer((request, response) => {
    open((request.url ?? '').slice(1))
      .then(({ address }) => address())
      .then(
        (address) => response.end(address),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url: Shared['sharedServers'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  provide('sharedServers', url);
  return async () => {
    server.close();
    await Promise.all(
      [...opened.values()].map((one) =>
        one.then(
          ({ stop }) => stop(),
          () => {},
        ),
      ),
    );
  };
}

async function openKafka(): ReturnType<Kind> {
  const given = process.env['TEST_KAFKA_BROKERS'];
  if (given) return { address: async () => given, stop: async () => {} };
  if (hasDocker()) return fixed(await (await containers()).startKafkaContainer());
  const { brokers, stop } = await startOwnKafka();
  return { address: async () => brokers, stop };
}

async function openRedis(): ReturnType<Kind> {
  const given = process.env['TEST_REDIS_URL'];
  if (given) return { address: async () => given, stop: async () => {} };
  if (hasDocker()) return fixed(await (await containers()).startRedisContainer());
  const { url, stop } = await startOwnRedis();
  return { address: async () => url, stop };
}

/** Makes the data of a server in one process. Its address is JSON with paths. */
async function openFirstData(): ReturnType<Kind> {
  const { data, stop } = await createFirstData();
  return { address: async () => JSON.stringify(data), stop };
}

/** Opens an S3 server. Its address is JSON with the endpoint and the credentials. */
async function openS3(): ReturnType<Kind> {
  const { TEST_S3_ENDPOINT: endpoint, TEST_S3_ACCESS_KEY_ID, TEST_S3_SECRET_ACCESS_KEY } = process.env;
  const credentials = { accessKeyId: TEST_S3_ACCESS_KEY_ID, secretAccessKey: TEST_S3_SECRET_ACCESS_KEY };
  if (endpoint) return { address: async () => JSON.stringify({ endpoint, ...credentials }), stop: async () => {} };
  const { address, stop } = hasDocker() ? await (await containers()).startS3Container() : await startOwnS3();
  return { address: async () => JSON.stringify(address), stop };
}

/** Opens a PostgreSQL server. Each address is that of a new database; databases on a server of a variable are dropped later. */
async function openPostgres(): ReturnType<Kind> {
  const given = process.env['TEST_DATABASE_URL'];
  if (given) return openGivenPostgres(given);
  if (hasDocker()) {
    const { address, stop } = await (await containers()).startPostgresContainer();
    return { address: () => createDatabaseAt(address), stop };
  }
  const { createDatabase, stop } = await startOwnPostgres();
  return { address: createDatabase, stop };
}

function openGivenPostgres(given: string): Awaited<ReturnType<Kind>> {
  const made: string[] = [];
  const address = async () => {
    const url = await createDatabaseAt(given);
    made.push(url);
    return url;
  };
  const stop = async () => {
    for (const url of made) await dropDatabaseAt(given, url);
  };
  return { address, stop };
}

/** Imported only if Docker is available, because the module is large. */
const containers = () => import('./containers.ts');

function fixed({ address, stop }: Contained<string>): Awaited<ReturnType<Kind>> {
  return { address: async () => address, stop };
}
