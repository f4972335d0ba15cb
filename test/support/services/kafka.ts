import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { freePort } from '../free-port.ts';

/** A Kafka broker for tests. */
export interface KafkaService {
  /** `host:port`, several separated by commas. */
  brokers: string;
  /** Of its process; null when it was there before the test. */
  pid: number | null;
  /** Sends its process a signal; resolves when it is gone, for signals that end it. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again with its data, at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const run = promisify(execFile);
const version = '4.4.0';
const cache = join(homedir(), '.cache', 'parley-kafka');

/** The brokers that `TEST_KAFKA_BROKERS` names, else one of its own. */
export async function startKafka(): Promise<KafkaService> {
  const given = process.env['TEST_KAFKA_BROKERS'];
  if (!given) return startOwnKafka();
  const refuse = async () => {
    throw new Error('a broker that was there before is not to be killed: use startOwnKafka');
  };
  return { brokers: given, pid: null, kill: refuse, restart: refuse, stop: async () => {} };
}

/** A broker that belongs to the test, which may kill it: Apache Kafka under Java 17 on free ports. */
export async function startOwnKafka(): Promise<KafkaService> {
  const libraries = await findLibraries();
  const directory = await mkdtemp(join(tmpdir(), 'parley-kafka-'));
  const [port, controllerPort] = [await freePort(), await freePort()];
  const settings = join(directory, 'server.properties');
  await writeFile(settings, describeBroker(port, controllerPort, join(directory, 'data')));
  const format = ['format', '-t', randomUUID(), '-c', settings];
  await run('java', [...java(libraries), 'kafka.tools.StorageTool', ...format]);
  const brokers = `127.0.0.1:${port}`;
  const spawnBroker = () => spawnReady([...java(libraries), 'kafka.Kafka', settings], brokers);
  let child = await spawnBroker();

  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await gone;
  }

  return {
    brokers,
    get pid() {
      return child.pid ?? null;
    },
    kill,
    async restart() {
      await kill('SIGKILL');
      child = await spawnBroker();
    },
    async stop() {
      await kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The directory of Kafka's jars: downloaded by Maven once, and found by later runs. */
async function findLibraries(): Promise<string> {
  const libraries = join(cache, version);
  if (existsSync(libraries)) return libraries;
  await mkdir(cache, { recursive: true });
  const directory = await mkdtemp(join(cache, 'download-'));
  await writeFile(join(directory, 'pom.xml'), pom);
  const target = join(directory, 'libs');
  const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${target}`];
  await run('mvn', ['-q', '-B', '-f', join(directory, 'pom.xml'), ...copy]);
  // Another test may have been first.
  await rename(target, libraries).catch((error: unknown) => {
    if (!existsSync(libraries)) throw error;
  });
  await rm(directory, { recursive: true });
  return libraries;
}

function java(libraries: string): string[] {
  return ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${libraries}/*`];
}

async function spawnReady(command: readonly string[], brokers: string): Promise<ChildProcess> {
  const child = spawn('java', command, { stdio: ['ignore', 'ignore', 'pipe'] });
  let printed = '';
  child.stderr.on('data', (chunk: Buffer) => {
    printed = (printed + String(chunk)).slice(-10_000);
  });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`Kafka ended with ${code}:\n${printed}`);
  });
  await Promise.race([ended, answers(brokers)]);
  ended.catch(() => {});
  return child;
}

/** Kafka says nowhere that it is up: it is when it answers. */
async function answers(brokers: string): Promise<void> {
  const retry = { initialRetryTime: 50, maxRetryTime: 100, retries: 600 };
  const admin = new kafkajs.Kafka({ brokers: [brokers], retry, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.describeCluster();
  await admin.disconnect();
}

function describeBroker(port: number, controllerPort: number, data: string): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': data,
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    // Let tests wait less: for a consumer that is gone, and for a broker that was killed and begins again.
    'group.min.session.timeout.ms': 500,
    'broker.session.timeout.ms': 1_000,
    'broker.heartbeat.interval.ms': 200,
    'auto.create.topics.enable': false,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>parley</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${version}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-server</artifactId>
      <version>${version}</version>
    </dependency>
  </dependencies>
</project>
`;
