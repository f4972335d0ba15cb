import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCluster, type Services } from '../support/cluster.ts';
import { createDataDirectory } from '../support/data-directory.ts';
import { type ServerProcess, startProcess } from '../support/process.ts';

/** Server under attack, in processes of its own. */
export interface Target {
  /** URL of the gateway. */
  url: string;
  /** Processes of the server, the gateway's first. */
  pids: number[];
  /** Returns the lines of level error that the processes have logged so far. */
  errors(): string[];
  /** Whether all processes still run. */
  isUp(): boolean;
  stop(): Promise<void>;
}

/** Starts targets over the same data, one after another: the next one after the last was stopped. */
export interface TargetSource {
  start(environment: Record<string, string>): Promise<Target>;
  remove(): Promise<void>;
}

/** Creates a source of servers that run everything in one process. */
export async function createEmbedded(): Promise<TargetSource> {
  const directory = await createDataDirectory('parley-attack-');
  return {
    start: async (environment) => watch([await startProcess({ DATA_DIR: directory, ...environment })]),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Creates a source of servers of two processes, a gateway and a bridge, over Kafka, Redis and PostgreSQL. */
export async function createClustered(services: Services): Promise<TargetSource> {
  const directory = await mkdtemp(join(tmpdir(), 'parley-attack-'));
  const cluster = createCluster(services);
  return {
    start: async (environment) => {
      const settings = { DATA_DIR: directory, ...environment };
      return watch(await Promise.all([cluster.gateway(settings), cluster.bridge(settings)]));
    },
    async remove() {
      await cluster.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function watch(processes: [ServerProcess, ...ServerProcess[]]): Target {
  let rest = '';
  const errors: string[] = [];
  for (const { child } of processes) {
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', read);
  }
  return {
    url: processes[0].url,
    pids: processes.map(({ child }) => child.pid ?? 0),
    errors: () => errors,
    isUp: () => processes.every(({ child }) => child.exitCode === null && child.signalCode === null),
    stop: async () => void (await Promise.all(processes.map((one) => one.kill('SIGTERM')))),
  };

  /** Keeps log lines of level error (50) and above, and everything that is not a log line: Node prints its failures so. */
  function read(chunk: Buffer): void {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    errors.push(...lines.filter((line) => line !== '' && !/^\{"level":[1-4]0,/.test(line)));
  }
}
