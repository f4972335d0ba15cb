import { randomBytes, randomUUID } from 'node:crypto';
import { type ServerProcess, startProcess } from './process.ts';

/** Addresses of the services that a cluster uses. */
export interface Services {
  databaseUrl: string;
  redisUrl: string;
  brokers: string;
}

/** Processes of one chat over the same services. Each is started, killed and restarted separately. */
export interface Cluster {
  /** Environment variables that its processes share. */
  environment: Record<string, string>;
  gateway(extra?: Record<string, string>): Promise<ServerProcess>;
  bridge(extra?: Record<string, string>): Promise<ServerProcess>;
  stop(): Promise<void>;
}

/** Creates a cluster without processes, with its own topics and keys. */
export function createCluster({ databaseUrl, redisUrl, brokers }: Services): Cluster {
  const prefix = `test-${randomUUID()}`;
  const environment = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    KAFKA_BROKERS: brokers,
    REDIS_PREFIX: prefix,
    KAFKA_TOPIC_PREFIX: prefix,
    KAFKA_PARTITIONS: '4',
    JWT_SECRET: randomBytes(32).toString('hex'),
  };
  const processes: ServerProcess[] = [];
  const start = async (SERVICES: string, extra: Record<string, string> = {}) => {
    const started = await startProcess({ ...environment, SERVICES, ...extra });
    processes.push(started);
    return started;
  };
  return {
    environment,
    gateway: (extra) => start('gateway', extra),
    bridge: (extra) => start('bridge', extra),
    async stop() {
      await Promise.all(processes.map((one) => one.kill('SIGKILL')));
    },
  };
}
