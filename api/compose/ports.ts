import { type Config, paths } from '../config.ts';
import type { Database } from '../infra/database/database.ts';
import { createPgliteDatabase } from '../infra/database/pglite.ts';
import { createPostgresDatabase } from '../infra/database/postgres.ts';
import type { EventLog } from '../infra/event-log/event-log.ts';
import { createKafkaEventLog } from '../infra/event-log/kafka.ts';
import { createMemoryEventLog } from '../infra/event-log/memory.ts';
import { createFileObjects } from '../infra/objects/files.ts';
import type { Objects } from '../infra/objects/objects.ts';
import { createS3Objects } from '../infra/objects/s3.ts';
import { createMemoryPubSub } from '../infra/pubsub/memory.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { createRedisPubSub } from '../infra/pubsub/redis.ts';
import { createMemoryState } from '../infra/state/memory.ts';
import { createRedisState } from '../infra/state/redis.ts';
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
 * Opens each port over the service that the configuration names, or within this process where it names none.
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
    pubsub: given.pubsub ?? (await open(createPubSub(config, logger))),
    state: given.state ?? (await open(createState(config, logger))),
    log: given.log ?? (await open(createEventLog(config, logger))),
    objects:
      given.objects ?? (config.SERVICES.includes('gateway') ? await open(await openObjects(config, logger)) : null),
  };
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

function createPubSub({ REDIS_URL, REDIS_PREFIX }: Config, logger: Logger): PubSub {
  if (REDIS_URL === undefined) return createMemoryPubSub({ logger });
  return createRedisPubSub({ urls: REDIS_URL, prefix: REDIS_PREFIX, logger });
}

function createState({ REDIS_URL, REDIS_PREFIX }: Config, logger: Logger): State {
  if (REDIS_URL === undefined) return createMemoryState();
  return createRedisState({ url: REDIS_URL[0] ?? '', prefix: REDIS_PREFIX, logger });
}

function createEventLog(config: Config, logger: Logger): EventLog {
  if (config.KAFKA_BROKERS === undefined) return createMemoryEventLog({ logger });
  return createKafkaEventLog({
    brokers: config.KAFKA_BROKERS,
    topicPrefix: config.KAFKA_TOPIC_PREFIX,
    partitions: config.KAFKA_PARTITIONS,
    replication: config.KAFKA_REPLICATION,
    timeoutMs: config.SEND_TIMEOUT_MS,
    logger,
  });
}

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
