import { type Config, paths } from '../config.ts';
import type { Database } from '../infra/database/database.ts';
import { createMemoryDatabase, createPgliteDatabase, type MemoryDatabase } from '../infra/database/pglite.ts';
import type { EventLog } from '../infra/event-log/event-log.ts';
import { createMemoryEventLog } from '../infra/event-log/memory.ts';
import { createLogMail } from '../infra/mail/log.ts';
import type { MailPort } from '../infra/mail/mail.ts';
import { createNoMail } from '../infra/mail/none.ts';
import { createFileObjects } from '../infra/objects/files.ts';
import { type Contents, createMemoryObjects } from '../infra/objects/memory.ts';
import type { Objects } from '../infra/objects/objects.ts';
import { createMemoryPubSub } from '../infra/pubsub/memory.ts';
import type { PubSub } from '../infra/pubsub/pubsub.ts';
import { createMemoryState } from '../infra/state/memory.ts';
import type { State } from '../infra/state/state.ts';
import type { Logger } from '../logger.ts';
import { reasonOf } from '../start-errors.ts';
import type { Open } from './lifecycle.ts';
import { reach, type Service } from './reach.ts';

/** The services outside the domain, each behind its interface. */
export interface Ports {
  database: Database;
  pubsub: PubSub;
  state: State;
  log: EventLog;
  /** Null in a process without a gateway: bridges know files by the facts in events alone. */
  objects: Objects | null;
  /** Null in a process without a gateway. */
  mail: MailPort | null;
}

/**
 * Opens each port over the service that the configuration names, or within this process where it names none. Adapters of
 * services are imported when they are used: their packages take some 20 MB.
 * @param given ports that are used as they are: their owner starts and stops them
 */
export async function openPorts(opening: Opening, given: Partial<Ports> = {}): Promise<Ports> {
  const { config, open } = opening;
  const isGateway = config.SERVICES.includes('gateway');
  const openObjectStore = () => open('object store', openObjects(opening));
  const openMail = () => open('mail', createMail(opening));
  return {
    database: given.database ?? (await openDatabasePort(opening)),
    pubsub: given.pubsub ?? (await openReached('pubsub', createPubSub(opening), opening)),
    state: given.state ?? (await openReached('state', createState(opening), opening)),
    log: given.log ?? (await openReached('event log', createEventLog(opening), opening)),
    objects: given.objects ?? (isGateway ? await openObjectStore() : null),
    mail: given.mail ?? (isGateway ? await openMail() : null),
  };
}

/** Opens a port and waits for its service: a wrong address or password must not look like a server that works. */
async function openReached<P extends PubSub | State | EventLog>(
  name: keyof typeof services,
  making: Promise<P>,
  opening: Opening,
): Promise<P> {
  const port = await opening.open(name, making);
  const service = services[name](opening.config, port.ready);
  if (service) await reach(service, { ...opening, timeoutMs: opening.config.START_TIMEOUT_MS });
  return port;
}

/** The services of ports, null for a port within this process. Their addresses are named without passwords. */
const services = {
  pubsub: ({ REDIS_URL }: Config, attempt: () => Promise<void>) => redis(REDIS_URL, attempt),
  state: ({ REDIS_URL }: Config, attempt: () => Promise<void>) => redis(REDIS_URL?.slice(0, 1), attempt),
  'event log': ({ KAFKA_BROKERS: brokers }: Config, attempt: () => Promise<void>): Service<void> | null =>
    brokers === undefined
      ? null
      : { name: `Kafka at ${brokers.join(', ')}`, settings: 'KAFKA_BROKERS, and that Kafka runs there', attempt },
};

function redis(urls: readonly string[] | undefined, attempt: () => Promise<void>): Service<void> | null {
  if (urls === undefined) return null;
  return {
    name: `Redis at ${urls.map((url) => new URL(url).host).join(', ')}`,
    settings: 'REDIS_URL, and that Redis runs there',
    attempt,
    isRefused: (error) => /^(WRONGPASS|NOAUTH|NOPERM|ERR (invalid password|AUTH|DB index))/.test(reasonOf(error)),
  };
}

/** Parts that the ports of a process are opened with. */
interface Opening {
  config: Config;
  logger: Logger;
  open: Open;
  /** Asks for a stop while they open. */
  stopping: AbortSignal;
}

/** Opens the two ports that the operator's commands for the log use. */
export async function openLogPorts(opening: Opening): Promise<Pick<Ports, 'database' | 'log'>> {
  const { open } = opening;
  return {
    database: await openDatabasePort(opening),
    log: await open('event log', createEventLog(opening)),
  };
}

/** Opens the database alone, for the operator's commands. */
export function openDatabasePort(opening: Opening): Promise<Database> {
  return opening.open('database', openDatabase(opening));
}

/** Opens an empty database in memory, also where the configuration names another one. @param image files that it starts with */
export function openMemoryDatabase(
  { config, open }: Pick<Opening, 'config' | 'open'>,
  image: Uint8Array | undefined,
): Promise<MemoryDatabase> {
  const readWaitMs = config.DATABASE_STATEMENT_TIMEOUT_MS;
  return open('database', createMemoryDatabase({ image, readWaitMs, migrations: paths.migrations }));
}

/**
 * Opens the other ports in memory, also where the configuration names services.
 * @param files the stored files, which the object store changes
 */
export async function openMemoryPorts({ logger, open }: Pick<Opening, 'logger' | 'open'>, files: Contents) {
  return {
    pubsub: await open('pubsub', createMemoryPubSub({ logger })),
    state: await open('state', createMemoryState()),
    log: await open('event log', createMemoryEventLog({ logger })),
    objects: await open('object store', createMemoryObjects(files)),
    mail: await open('mail', createLogMail({ logger })),
  };
}

async function openDatabase({ config, logger, stopping }: Opening): Promise<Database> {
  const { migrations } = paths;
  const readWaitMs = config.DATABASE_STATEMENT_TIMEOUT_MS;
  if (config.DATABASE_URL === undefined)
    return createPgliteDatabase({ dataDir: config.DATA_DIR, readWaitMs, migrations, stopping });
  const { createPostgresDatabase } = await import('../infra/database/postgres.ts');
  return createPostgresDatabase({
    url: config.DATABASE_URL,
    pool: config.DATABASE_POOL,
    statementTimeoutMs: config.DATABASE_STATEMENT_TIMEOUT_MS,
    readWaitMs,
    migrations,
    stopping,
    startTimeoutMs: config.START_TIMEOUT_MS,
    logger,
  });
}

async function createPubSub({ config: { REDIS_URL, REDIS_PREFIX }, logger }: Opening): Promise<PubSub> {
  if (REDIS_URL === undefined) return createMemoryPubSub({ logger });
  const { createRedisPubSub } = await import('../infra/pubsub/redis.ts');
  return createRedisPubSub({ urls: REDIS_URL, prefix: REDIS_PREFIX, logger });
}

async function createState({ config: { REDIS_URL, REDIS_PREFIX }, logger }: Opening): Promise<State> {
  if (REDIS_URL === undefined) return createMemoryState();
  const { createRedisState } = await import('../infra/state/redis.ts');
  return createRedisState({ url: REDIS_URL[0] ?? '', prefix: REDIS_PREFIX, logger });
}

async function createEventLog({ config, logger }: Opening): Promise<EventLog> {
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

async function openObjects({ config, logger, stopping }: Opening): Promise<Objects> {
  const { S3_BUCKET: bucket, S3_ENDPOINT: endpoint } = config;
  if (bucket === undefined) return createFileObjects({ directory: `${config.DATA_DIR}/files` });
  const { createS3Objects } = await import('../infra/objects/s3.ts');
  const attempt = () =>
    createS3Objects({
      endpoint,
      publicEndpoint: config.S3_PUBLIC_ENDPOINT,
      bucket,
      directory: `${config.DATA_DIR}/incoming`,
      region: config.S3_REGION,
      accessKeyId: config.S3_ACCESS_KEY_ID ?? '',
      secretAccessKey: config.S3_SECRET_ACCESS_KEY ?? '',
      directReads: config.S3_DIRECT_READS === 'on',
      logger,
    }).catch(nameStatus);
  const name = `The bucket ${bucket} at ${endpoint ?? 'Amazon S3'}`;
  const service = { name, settings: 'the variables S3_…, and that the store runs', attempt, isRefused: isRefusedByS3 };
  const objects = await reach(service, { timeoutMs: config.START_TIMEOUT_MS, stopping, logger });
  if (objects === null) throw new Error('the object store was not opened');
  return objects;
}

/** A link in a log could be used by its readers, so mails are logged on the machine of a developer only. */
async function createMail({ config, logger }: Opening): Promise<MailPort> {
  const { SMTP_URL: url, MAIL_FROM: from = '', DATABASE_URL, NODE_ENV } = config;
  if (url === undefined)
    return DATABASE_URL || NODE_ENV === 'production' ? createNoMail({ logger }) : createLogMail({ logger });
  const { createSmtpMail } = await import('../infra/mail/smtp.ts');
  return createSmtpMail({ url, from });
}

/** Statuses of a store that is busy, or in which another process creates the bucket at this moment. */
const passing = [408, 409, 425, 429];

/** Adds the status to the error of a store that has responded: to HEAD it responds without a text. */
function nameStatus(error: { cause?: { $metadata?: { httpStatusCode?: number } } }): never {
  const status = error.cause?.$metadata?.httpStatusCode;
  if (status === undefined) throw error;
  throw Object.assign(new Error(`it responds with status ${status}, ${reasonOf(error)}`), { status });
}

/** Returns whether the store has responded, and refuses the request: the key, its permissions or the name are wrong. */
function isRefusedByS3({ status = 0 }: { status?: number }): boolean {
  return status >= 400 && status < 500 && !passing.includes(status);
}
