import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import kafkajs from 'kafkajs';
import { freePort } from '../free-port.ts';
import { findKafkaJars } from './kafka-jars.ts';
import { type Server, startServer } from './server.ts';

/** Kafka broker for tests. It keeps its data over a restart. */
export interface KafkaService extends Server {
  /** Address of the broker: `host:port`. */
  brokers: string;
}

/** Broker of a cluster. */
interface Node {
  id: number;
  port: number;
  /** Port that clients are told to use. */
  advertisedPort: number;
  controllerPort: number;
}

const run = promisify(execFile);

/**
 * Starts a broker that the test may kill: Apache Kafka on Java 17, on free ports.
 * @param ports.advertisedPort port that clients are told to use, if it differs from `port`
 */
export async function startOwnKafka(ports: { port?: number; advertisedPort?: number } = {}): Promise<KafkaService> {
  const node = await createNode(1, ports);
  return startBroker(node, [node], randomUUID());
}

/** Starts a cluster of brokers, each of which the test may kill. */
export async function startOwnKafkas(count: number): Promise<KafkaService[]> {
  const nodes = await Promise.all(Array.from({ length: count }, (_, n) => createNode(n + 1)));
  const cluster = randomUUID();
  return Promise.all(nodes.map((node) => startBroker(node, nodes, cluster)));
}

async function createNode(id: number, ports: { port?: number; advertisedPort?: number } = {}): Promise<Node> {
  const { port = await freePort(), advertisedPort = port } = ports;
  return { id, port, advertisedPort, controllerPort: await freePort() };
}

async function startBroker(node: Node, nodes: readonly Node[], cluster: string): Promise<KafkaService> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-kafka-'));
  const file = join(directory, 'server.properties');
  await writeFile(file, describeBroker(node, nodes, join(directory, 'data')));
  const java = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${await findKafkaJars()}/*`];
  await run('java', [...java, 'kafka.tools.StorageTool', 'format', '-t', cluster, '-c', file]);
  const brokers = `127.0.0.1:${node.port}`;
  const server = await startServer({
    directory,
    spawn: () => spawn('java', [...java, 'kafka.Kafka', file], { stdio: ['ignore', 'ignore', 'pipe'] }),
    ready: () => connectable(brokers),
  });
  return Object.assign(server, { brokers });
}

/** Resolves when a broker accepts clients: Kafka prints no line when it is up. */
async function connectable(brokers: string): Promise<void> {
  const retry = { initialRetryTime: 50, maxRetryTime: 100, retries: 10_000 };
  const admin = new kafkajs.Kafka({ brokers: [brokers], retry, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.describeCluster();
  await admin.disconnect();
}

function describeBroker(
  { id, port, advertisedPort, controllerPort }: Node,
  nodes: readonly Node[],
  data: string,
): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': nodes.map((node) => `${node.id}@127.0.0.1:${node.controllerPort}`).join(),
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${advertisedPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': data,
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': nodes.length,
    'transaction.state.log.replication.factor': nodes.length,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': nodes.length,
    'share.coordinator.state.topic.min.isr': 1,
    'min.insync.replicas': Math.ceil(nodes.length / 2),
    'group.initial.rebalance.delay.ms': 0,
    // Shorter than the defaults: tests wait for lost consumers and for the restart of killed brokers.
    'group.min.session.timeout.ms': 500,
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 300,
    'auto.create.topics.enable': false,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
