import { readdirSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { fetchProbe } from '../../support/probes.ts';
import type { Parley, Services } from '../parley.ts';
import { residentKb } from '../processes.ts';
import { readTables } from './tables.ts';

/** Figures at one moment, by name. */
export interface Sample {
  /** Minutes since the first sample. */
  minute: number;
  /** Resident memory of each process, in megabytes. */
  memory: Record<string, number>;
  /** Number of rows of each table; empty without PostgreSQL. */
  rows: Record<string, number>;
  /** Sizes in megabytes: of the tables with their indexes, and of directories. */
  sizes: Record<string, number>;
  /** Counts and gauges: descriptors, stored files, heap, and the gauges of the gateway. */
  counts: Record<string, number>;
}

const mebibyte = 2 ** 20;
/** Metrics of a gateway besides its own gauges, in the units of the report. */
const known: Record<string, [name: string, unit: number]> = {
  nodejs_heap_size_used_bytes: ['heap of the gateway, MB', mebibyte],
  nodejs_external_memory_bytes: ['external memory of the gateway, MB', mebibyte],
  process_open_fds: ['descriptors of the gateway', 1],
  nodejs_active_handles_total: ['handles of the gateway', 1],
};

/** Creates a reader of the figures of a server and of its services. */
export function createSampler(options: { parley: Parley; services: Services | null; files: string }) {
  const { parley, services, files } = options;
  const began = performance.now();
  const client = services && new pg.Client({ connectionString: services.postgres.url });
  const connected = client?.connect();
  const pids: Record<string, number> = { ...parley.pids, ...pidsOf(services) };

  return {
    async take(): Promise<Sample> {
      await connected;
      const tables = client ? await readTables(async (text) => (await client.query(text)).rows) : [];
      return {
        minute: (performance.now() - began) / 60_000,
        memory: Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, residentKb(pid) / 1_024])),
        rows: Object.fromEntries(tables.map(({ name, rows }) => [name, rows])),
        sizes: {
          ...Object.fromEntries(tables.map(({ name, bytes }) => [name, bytes / mebibyte])),
          ...(await directoriesOf()),
        },
        counts: { 'stored files': await countFiles(), ...(await readMetrics(parley.gateway.url.origin)) },
      };
    },
    stop: async () => client?.end(),
  };

  async function directoriesOf(): Promise<Record<string, number>> {
    const sized = {
      files: join(files, 'files'),
      ...(parley.directory ? { database: join(parley.directory, 'database') } : {}),
    };
    const kafka = services ? { 'log of Kafka': join(services.kafka.directory, 'data') } : {};
    return Object.fromEntries(Object.entries({ ...sized, ...kafka }).map(([name, path]) => [name, sizeOf(path)]));
  }

  async function countFiles(): Promise<number> {
    const entries = await readdir(join(files, 'files'), { recursive: true, withFileTypes: true }).catch(() => []);
    return entries.filter((entry) => entry.isFile()).length;
  }
}

function pidsOf(services: Services | null): Record<string, number> {
  return services ? { kafka: services.kafka.pid, redis: services.redis.pid } : {};
}

/** Returns the size of a directory on the disk, in megabytes. Files that vanish meanwhile do not count. */
function sizeOf(path: string): number {
  let bytes = 0;
  for (const entry of list(path)) bytes += sizeOfFile(join(entry.parentPath, entry.name));
  return bytes / mebibyte;
}

function list(path: string) {
  try {
    return readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  } catch {
    return [];
  }
}

function sizeOfFile(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}

async function readMetrics(url: string): Promise<Record<string, number>> {
  const text = await (await fetchProbe(url, 'metrics')).text();
  const gauges = new Set([...text.matchAll(/^# TYPE (parley_\w+) gauge$/gm)].map(([, name = '']) => name));
  const found: Record<string, number> = {};
  for (const [, name = '', value] of text.matchAll(/^(\w+)(?:\{[^}]*\})? ([\d.e+-]+)$/gm)) {
    const [label, unit] = known[name] ?? (gauges.has(name) ? [name, 1] : ['', 1]);
    if (label !== '') found[label] = (found[label] ?? 0) + Number(value) / unit;
  }
  return found;
}
