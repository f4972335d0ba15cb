import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { paths } from '../../api/config.ts';
import { createPgliteDatabase } from '../../api/infra/database/pglite.ts';
import { metricsToken } from '../support/probes.ts';
import type { BenchOptions } from './options.ts';
import { type Parley, type Services, startDistributed, startEmbedded, startServices } from './parley.ts';
import { circumstances, round, table, write } from './report.ts';
import { startLoad } from './soak/load.ts';
import { report } from './soak/report.ts';
import { createSampler, type Sample } from './soak/samples.ts';
import { readTables } from './soak/tables.ts';

/**
 * Settings with which everything that has an age reaches it several times within an hour.
 * Names that a version does not know have no effect.
 */
const retention = {
  TOKEN_TTL_SECONDS: '60',
  REFRESH_TTL_DAYS: '0.007',
  MATCH_ABSENCE_MS: '5000',
  MATCH_RETENTION_HOURS: '0.1',
};

const allModes = ['embedded', 'cluster'];
/** Minutes of a run whose figures are kept in the docs. */
const keptMinutes = 60;

/**
 * Runs a mixed load in each mode at the same time, and reports the memory of each process and the sizes of the tables
 * meanwhile. At the end the acknowledged messages are compared with the history, and the history with the deliveries.
 */
export async function run({ minutes, modes, rate, out }: BenchOptions): Promise<void> {
  const parts = await Promise.allSettled(modes.map((mode) => measure(mode, minutes, rate)));
  const texts = parts.map((part) => (part.status === 'fulfilled' ? part.value.text : `**failed**: ${part.reason}`));
  const body = `${circumstances()} ${minutes} minutes at ${rate} operations per second.\n\n${texts.join('\n\n')}`;
  process.stdout.write(`${body}\n`);
  if (out) await writeFile(out, `${body}\n`);
  if (minutes >= keptMinutes && allModes.every((mode) => modes.includes(mode))) await write('soak', body);
  if (!parts.every((part) => part.status === 'fulfilled' && part.value.isSound)) process.exit(1);
}

/** Result of one mode. */
interface Result {
  text: string;
  /** Whether no message was lost or repeated. */
  isSound: boolean;
}

async function measure(mode: string, minutes: number, rate: number): Promise<Result> {
  const files = await mkdtemp(join(tmpdir(), 'parley-soak-'));
  const services = mode === 'embedded' ? null : await startServices();
  const settings = { ...retention, METRICS_TOKEN: metricsToken };
  try {
    const parley = await (services === null
      ? startEmbedded(settings)
      : startDistributed(services, { ...settings, DATA_DIR: files }));
    try {
      return await soak({ parley, services, files: parley.directory ?? files }, minutes, rate);
    } finally {
      await parley.stop();
    }
  } finally {
    await services?.stop();
    await rm(files, { recursive: true });
  }
}

async function soak(
  { parley, services, files }: { parley: Parley; services: Services | null; files: string },
  minutes: number,
  rate: number,
): Promise<Result> {
  const load = await startLoad(parley.gateway.url.origin, rate);
  const sampler = createSampler({ parley, services, files });
  const samples: Sample[] = [await sampler.take()];
  const everyMs = Math.min(30_000, (minutes * 60_000) / 12);
  const until = performance.now() + minutes * 60_000;
  while (performance.now() < until - everyMs / 2) {
    await delay(everyMs);
    samples.push(await sampler.take());
    process.stderr.write(`${parley.mode}, minute ${samples.at(-1)?.minute.toFixed(1)}: ${load.describe()}\n`);
  }
  const faults = await load.finish();
  await sampler.stop();
  const title = parley.mode === 'embedded' ? 'Embedded' : 'Kafka, Redis and PostgreSQL';
  const tables = parley.directory ? [await readEmbedded(parley, parley.directory)] : [];
  const found = faults.length === 0 ? 'No message was lost or repeated.' : `${faults.length} faults: ${faults[0]}`;
  const summary = `**${title}**: ${load.describe()}. ${found}`;
  return { text: [summary, report(samples), ...tables].join('\n\n'), isSound: faults.length === 0 };
}

/** Reads the tables of an embedded database at the end: only one process at a time may open it. */
async function readEmbedded({ gateway }: Parley, dataDir: string): Promise<string> {
  await gateway.stop();
  const database = await createPgliteDatabase({ dataDir, migrations: paths.migrations });
  try {
    const tables = await readTables(database.query);
    return table(
      ['table at the end', 'rows', 'MB'],
      tables.map(({ name, rows, bytes }) => [name, rows, round(bytes / 2 ** 20)]),
    );
  } finally {
    await database.stop();
  }
}
