import { randomBytes, randomUUID } from 'node:crypto';
import { type ServerProcess, startProcess } from './process.ts';

/** What a cluster stands on. */
export interface Foundation {
  databaseUrl: string;
  redisUrl: string;
  brokers: string;
}

/** Processes of one chat over the same services, each started, killed and restarted by itself. */
export interface Cluster {
  /** Variables that its processes share. */
  environment: Record<string, string>;
  gateway(extra?: Record<string, string>): Promise<ServerProcess>;
  bridge(extra?: Record<string, string>): Promise<ServerProcess>;
  stop(): Promise<void>;
}

/** A cluster without a process as yet, with topics and keys of its own. */
export function createCluster({ databaseUrl, redisUrl, brokers }: Foundation): Cluster {
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
