import { readFile } from 'node:fs/promises';
import { GenericContainer, type StartedTestContainer, Wait } from 'testcontainers';
import { parse } from 'yaml';
import { freePort } from '../free-port.ts';
import type { S3Address } from './s3.ts';

/** Server in a container, for tests that need only its address. */
export interface Contained<Address> {
  address: Address;
  stop(): Promise<void>;
}

/** Starts Redis. */
export async function startRedisContainer(): Promise<Contained<string>> {
  const container = (await contain('redis')).withExposedPorts(6379);
  const started = await container.withWaitStrategy(Wait.forLogMessage('Ready to accept connections')).start();
  return contained(started, `redis://${addressOf(started, 6379)}`);
}

/** Starts PostgreSQL without passwords. */
export async function startPostgresContainer(): Promise<Contained<string>> {
  const container = (await contain('postgres')).withExposedPorts(5432);
  // The line is printed during initialization too.
  const isUp = Wait.forLogMessage('ready to accept connections', 2);
  const access = { POSTGRES_USER: 'parley', POSTGRES_HOST_AUTH_METHOD: 'trust' };
  const started = await container.withEnvironment(access).withWaitStrategy(isUp).start();
  return contained(started, `postgresql://parley@${addressOf(started, 5432)}/postgres`);
}

/** Starts a Kafka broker that advertises the port at which its clients reach it. */
export async function startKafkaContainer(): Promise<Contained<string>> {
  const port = await freePort();
  const container = (await contain('kafka')).withExposedPorts({ container: 9092, host: port });
  const { environment } = await readService('kafka');
  const started = await container
    .withEnvironment({
      ...Object.fromEntries(Object.entries(environment ?? {}).map(([name, value]) => [name, String(value)])),
      KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://localhost:${port}`,
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:9093',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
    })
    .withWaitStrategy(Wait.forLogMessage('Kafka Server started'))
    .start();
  return contained(started, `localhost:${port}`);
}

/** Starts an S3 server that stores objects in memory. */
export async function startS3Container(): Promise<Contained<S3Address>> {
  const [accessKeyId, secretAccessKey] = ['parley', 'parley-secret'];
  const started = await (await contain('files'))
    .withExposedPorts(7070)
    .withTmpFs({ '/data': 'rw' })
    .withEnvironment({ ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey })
    .withCommand(['--port', ':7070', 'posix', '/data'])
    .start();
  return contained(started, { endpoint: `http://${addressOf(started, 7070)}`, accessKeyId, secretAccessKey });
}

/** Creates a container of the image that the compose file has for a service. */
async function contain(name: string): Promise<GenericContainer> {
  return new GenericContainer((await readService(name)).image);
}

async function readService(name: string): Promise<{ image: string; environment?: Record<string, string | number> }> {
  return parse(await readFile('docker-compose.yml', 'utf8'), { merge: true }).services[name];
}

function addressOf(container: StartedTestContainer, port: number): string {
  return `${container.getHost()}:${container.getMappedPort(port)}`;
}

function contained<Address>(container: StartedTestContainer, address: Address): Contained<Address> {
  return { address, stop: async () => void (await container.stop()) };
}
