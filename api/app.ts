import { readFile } from 'node:fs/promises';
import { schema } from '../schema/index.ts';
import { createBridge } from './bridge/bridge.ts';
import { type Config, paths } from './config.ts';
import { createGateway } from './gateway/http/gateway.ts';
import { createHealth, type ReadyCheck } from './gateway/http/health.ts';
import { createProbes } from './gateway/http/probes.ts';
import { createPgliteDatabase } from './infra/database/pglite.ts';
import { createPostgresDatabase } from './infra/database/postgres.ts';
import { createKafkaEventLog } from './infra/event-log/kafka.ts';
import { createMemoryEventLog } from './infra/event-log/memory.ts';
import { createFileObjects } from './infra/objects/files.ts';
import { createS3Objects } from './infra/objects/s3.ts';
import { createMemoryPubSub } from './infra/pubsub/memory.ts';
import { createRedisPubSub } from './infra/pubsub/redis.ts';
import { createMemoryState } from './infra/state/memory.ts';
import { createRedisState } from './infra/state/redis.ts';
import { createAudiences } from './live/audiences.ts';
import { createOutboxes } from './live/outbox/outboxes.ts';
import type { Logger } from './logger.ts';
import { createMetrics } from './metrics.ts';
import { type Open, openDomain, type Part, type Ports } from './open-domain.ts';

/**
 * The whole process: opens what the configuration names, in order, and closes it in reverse.
 * @throws whatever kept a part from opening; what was open by then is closed
 */
export async function createApp(config: Config, logger: Logger) {
  const opened: Part[] = [];

  async function open<P extends Part>(part: P): Promise<P> {
    opened.push(part);
    await part.start?.();
    return part;
  }

  async function stop(): Promise<void> {
    const failures: unknown[] = [];
    for (const part of opened.splice(0).reverse()) {
      await Promise.resolve(part.stop()).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'some parts did not close');
  }

  try {
    const port = await openAll(config, logger, open);
    return { port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function openAll(config: Config, logger: Logger, open: Open): Promise<number> {
  const metrics = createMetrics();
  const ports = await openPorts(config, logger, open);
  const { database, pubsub, state, log, objects } = ports;
  const ready = { database: database.ready, pubsub: pubsub.ready, state: state.ready, log: log.ready };
  const reported: Record<string, ReadyCheck> = objects ? { objects: objects.ready } : {};
  const health = createHealth({ ready, reported, metrics: metrics.text });
  if (config.SERVICES.includes('bridge')) await open(createBridge({ ...ports, metrics: metrics.bridge, logger }));
  const front = config.SERVICES.includes('gateway')
    ? await makeGateway({ config, logger, open, metrics, ports, health })
    : createProbes({ host: config.HOST, port: config.PORT, health });
  await open(front);
  return front.port();
}

/** Each port over what the configuration names for it, or within this process. */
async function openPorts(config: Config, logger: Logger, open: Open): Promise<Ports> {
  return {
    database: await open(await openDatabase(config)),
    pubsub: await open(
      config.REDIS_URL
        ? createRedisPubSub({ urls: config.REDIS_URL, prefix: config.REDIS_PREFIX, logger })
        : createMemoryPubSub({ logger }),
    ),
    state: await open(
      config.REDIS_URL
        ? createRedisState({ url: config.REDIS_URL[0] ?? '', prefix: config.REDIS_PREFIX, logger })
        : createMemoryState(),
    ),
    log: await open(
      config.KAFKA_BROKERS
        ? createKafkaEventLog({
            brokers: config.KAFKA_BROKERS,
            topicPrefix: config.KAFKA_TOPIC_PREFIX,
            partitions: config.KAFKA_PARTITIONS,
            replication: config.KAFKA_REPLICATION,
            timeoutMs: config.SEND_TIMEOUT_MS,
            logger,
          })
        : createMemoryEventLog({ logger }),
    ),
    objects: config.SERVICES.includes('gateway') ? await open(await openObjects(config, logger)) : null,
  };
}

/** Bridges know files by what events say of them. */
function openObjects(config: Config, logger: Logger) {
  if (config.S3_BUCKET === undefined) return createFileObjects({ directory: `${config.DATA_DIR}/files` });
  return createS3Objects({
    endpoint: config.S3_ENDPOINT,
    publicEndpoint: config.S3_PUBLIC_ENDPOINT,
    bucket: config.S3_BUCKET,
    directory: `${config.DATA_DIR}/incoming`,
    requestTimeoutMs: 60_000,
    region: config.S3_REGION,
    accessKeyId: config.S3_ACCESS_KEY_ID ?? '',
    secretAccessKey: config.S3_SECRET_ACCESS_KEY ?? '',
    directReads: config.S3_DIRECT_READS === 'on',
    logger,
  });
}

function openDatabase(config: Config) {
  const { migrations } = paths;
  if (config.DATABASE_URL === undefined) return createPgliteDatabase({ dataDir: config.DATA_DIR, migrations });
  return createPostgresDatabase({
    url: config.DATABASE_URL,
    pool: config.DATABASE_POOL,
    statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
    migrations,
  });
}

async function makeGateway(given: {
  config: Config;
  logger: Logger;
  open: Open;
  metrics: ReturnType<typeof createMetrics>;
  ports: Ports;
  health: ReturnType<typeof createHealth>;
}) {
  const { config, logger, metrics, health } = given;
  const { domain, auth } = await openDomain(given);
  const audiences = createAudiences({ metrics: metrics.audiences });
  const outboxes = createOutboxes({
    windowMs: config.FLUSH_WINDOW_MS,
    socketBytes: config.MAX_SOCKET_BUFFER_BYTES,
    nodeBytes: config.MAX_NODE_BUFFER_BYTES,
    onOverflow: metrics.onSlowClose,
  });
  metrics.gauge('audiences', 'Groups of subscribers that share an execution.', audiences.size);
  metrics.gauge('outbox_bytes', 'Bytes that wait for their clients to read.', outboxes.queuedBytes);
  const gateway = createGateway({
    host: config.HOST,
    port: config.PORT,
    schema,
    domain,
    auth,
    audiences,
    outboxes,
    clientDir: paths.client,
    pictureOrigin: given.ports.objects?.readOrigin ?? null,
    maxConnections: config.RATE_LIMITS === 'on' ? config.MAX_CONNECTIONS : Number.POSITIVE_INFINITY,
    maxSubscriptions: config.MAX_SUBSCRIPTIONS,
    idleMs: config.IDLE_TIMEOUT_MS,
    trustProxy: config.TRUST_PROXY === 'on',
    health,
    drainMs: config.DRAIN_MS,
    tls: await readTls(config),
    logger,
  });
  metrics.gauge('connections', 'Open WebSockets.', gateway.connections);
  return gateway;
}

async function readTls({ TLS_CERT_FILE, TLS_KEY_FILE }: Config): Promise<{ cert: string; key: string } | null> {
  if (!TLS_CERT_FILE || !TLS_KEY_FILE) return null;
  const [cert, key] = await Promise.all([readFile(TLS_CERT_FILE, 'utf8'), readFile(TLS_KEY_FILE, 'utf8')]);
  return { cert, key };
}
