import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import type { Contained } from './containers.ts';
import { startOwnKafka } from './kafka.ts';
import { hasDocker } from './left-out.ts';
import { createDatabaseAt, dropDatabaseAt, startOwnPostgres } from './postgres.ts';
import { startOwnRedis } from './redis.ts';
import { startOwnS3 } from './s3.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where test files ask for the servers that they share; see `shared.ts`. */
    sharedServers: string;
  }
}

/** How a server of a kind is had, and what is asked of it. */
type Kind = () => Promise<{ address: () => Promise<string>; stop(): Promise<void> }>;

const kinds: Readonly<Record<string, Kind>> = {
  kafka: openKafka,
  redis: openRedis,
  database: openPostgres,
  s3: openS3,
};

/**
 * One server of each kind for a whole run, which its files ask for over HTTP: the one that a variable names, else one that
 * is started when the first file asks, in a container where there is a Docker engine. It ends with the run.
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
  provide('sharedServers', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
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

/** Its address is JSON: where it is, and who signs in. */
async function openS3(): ReturnType<Kind> {
  const { TEST_S3_ENDPOINT: endpoint, TEST_S3_ACCESS_KEY_ID, TEST_S3_SECRET_ACCESS_KEY } = process.env;
  const credentials = { accessKeyId: TEST_S3_ACCESS_KEY_ID, secretAccessKey: TEST_S3_SECRET_ACCESS_KEY };
  if (endpoint) return { address: async () => JSON.stringify({ endpoint, ...credentials }), stop: async () => {} };
  const { address, stop } = hasDocker() ? await (await containers()).startS3Container() : await startOwnS3();
  return { address: async () => JSON.stringify(address), stop };
}

/** Each address is that of a new database; those in a server that was given are dropped at the end. */
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

/** Read when there is an engine: it is large. */
const containers = () => import('./containers.ts');

function fixed({ address, stop }: Contained<string>): Awaited<ReturnType<Kind>> {
  return { address: async () => address, stop };
}
