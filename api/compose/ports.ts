import { type Config, paths } from '../config.ts';
import type { Database } from '../infra/database/database.ts';
import { createPgliteDatabase } from '../infra/database/pglite.ts';
import type { EventLog } from '../infra/event-log/event-log.ts';
import { createMemoryEventLog } from '../infra/event-log/memory.ts';
import { createFileObjects } from '../infra/objects/files.ts';
import type { Objects } from '../infra/objects/objects.ts';
import { createMemoryPubSub } from '../infra/pubsub/memory.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { createMemoryState } from '../infra/state/memory.ts';
import type { State } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';
import type { Open } from './lifecycle.ts';

/** The services outside the domain, each behind its interface. */
export interface Ports {
  database: Database;
  pubsub: PubSub;
  state: State;
  log: EventLog;
  /** Null in a process without a gateway: bridges know files by the facts in events alone. */
  objects: Objects | null;
}

/**
 * Opens each port over the service that the configuration names, or within this process where it names none. Adapters of
 * services are imported when they are used: their packages take some 20 MB.
 * @param given ports that are used as they are: their owner starts and stops them
 */
export async function openPorts(
  config: Config,
  logger: Logger,
  open: Open,
  given: Partial<Ports> = {},
): Promise<Ports> {
  return {
    database: given.database ?? (await open(await openDatabase(config))),
    pubsub: given.pubsub ?? (await open(await createPubSub(config, logger))),
    state: given.state ?? (await open(await createState(config, logger))),
    log: given.log ?? (await open(await createEventLog(config, logger))),
    objects:
      given.objects ?? (config.SERVICES.includes('gateway') ? await open(await openObjects(config, logger)) : null),
  };
}

/** Opens the two ports that the operator's commands for the log use. */
export async function openLogPorts(
  config: Config,
  logger: Logger,
  open: Open,
): Promise<Pick<Ports, 'database' | 'log'>> {
  return { database: await open(await openDatabase(config)), log: await open(await createEventLog(config, logger)) };
}

async function openDatabase(config: Config): Promise<Database> {
  const { migrations } = paths;
  const readWaitMs = config.DATABASE_STATEMENT_TIMEOUT_MS;
  if (config.DATABASE_URL === undefined)
    return createPgliteDatabase({ dataDir: config.DATA_DIR, readWaitMs, migrations });
  const { createPostgresDatabase } = await import('../infra/database/postgres.ts');
  return createPostgresDatabase({
    url: config.DATABASE_URL,
    pool: config.DATABASE_POOL,
    statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
    readWaitMs,
    migrations,
  });
}

async function createPubSub({ REDIS_URL, REDIS_PREFIX }: Config, logger: Logger): Promise<PubSub> {
  if (REDIS_URL === undefined) return createMemoryPubSub({ logger });
  const { createRedisPubSub } = await import('../infra/pubsub/redis.ts');
  return createRedisPubSub({ urls: REDIS_URL, prefix: REDIS_PREFIX, logger });
}

async function createState({ REDIS_URL, REDIS_PREFIX }: Config, logger: Logger): Promise<State> {
  if (REDIS_URL === undefined) return createMemoryState();
  const { createRedisState } = await import('../infra/state/redis.ts');
  return createRedisState({ url: REDIS_URL[0] ?? '', prefix: REDIS_PREFIX, logger });
}

async function createEventLog(config: Config, logger: Logger): Promise<EventLog> {
  if (config.KAFKA_BROKERS === undefined) return createMemoryEventLog({ logger });
  const { createKafkaEventLog } = await import('../infra/event-log/kafka.ts');
  return createKafkaEventLog({
    brokers: config.KAFKA_BROKERS,
    topicPrefix: config.KAFKA_TOPIC_PREFIX,
    partitions: config.KAFKA_PARTITIONS,
    replication: config.KAFKA_REPLICATION,
    deadLetterRetentionMs: config.KAFKA_DEAD_LETTER_DAYS * 86_400_000,
    timeoutMs: config.SEND_TIMEOUT_MS,
    logger,
  });
}

async function openObjects(config: Config, logger: Logger): Promise<Objects> {
  if (config.S3_BUCKET === undefined) return createFileObjects({ directory: `${config.DATA_DIR}/files` });
  const { createS3Objects } = await import('../infra/objects/s3.ts');
  return createS3Objects({
    endpoint: config.S3_ENDPOINT,
    publicEndpoint: config.S3_PUBLIC_ENDPOINT,
    bucket: config.S3_BUCKET,
    directory: `${config.DATA_DIR}/incoming`,
    region: config.S3_REGION,
    accessKeyId: config.S3_ACCESS_KEY_ID ?? '',
    secretAccessKey: config.S3_SECRET_ACCESS_KEY ?? '',
    directReads: config.S3_DIRECT_READS === 'on',
    logger,
  });
}
