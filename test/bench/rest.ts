import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { BenchOptions } from './options.ts';
import { openPairs } from './pipeline/pairs.ts';
import { type Measured, residentKb, start } from './processes.ts';
import { circumstances, median, round, table, write } from './report.ts';

/** Measurements of one data directory, from its creation. */
interface Figures {
  /** Seconds until the server is ready, with an empty directory and with an existing database. */
  firstStart: number;
  restart: number;
  /** Resident megabytes at rest after the first start, after a restart, and after a conversation. */
  firstMemory: number;
  restartMemory: number;
  chatMemory: number;
}

const pairCount = 50;
const messagesPerPair = 10;
const sendRate = 100;

/** Memory has settled when it has stayed within 1 % for this many seconds; it is read after `maxSettleSeconds` at the latest. */
const settledSeconds = 15;
const maxSettleSeconds = 90;

/**
 * Measures the memory of `npm start` at rest: on an empty directory, after a restart, and after 500 messages.
 * `--against DIR` measures another built version beside this one, alternately.
 */
export async function run({ rounds, against }: BenchOptions): Promise<void> {
  const versions = new Map([['this version', '.'], ...(against ? [['the other version', against] as const] : [])]);
  const measured = new Map([...versions.keys()].map((name): [string, Figures[]] => [name, []]));
  for (let n = 0; n < rounds; n++) {
    for (const [name, directory] of versions) {
      const figures = await measure(directory);
      measured.get(name)?.push(figures);
      process.stdout.write(`${name}: ${JSON.stringify(figures)}\n`);
    }
  }
  const body = `${circumstances()}\n\n${report(measured)}`;
  process.stdout.write(`${body}\n`);
  if (!against) await write('rest', body);
}

async function measure(version: string): Promise<Figures> {
  const dataDir = await mkdtemp(join(tmpdir(), 'parley-rest-'));
  try {
    const first = await startServer(version, dataDir);
    const firstMemory = await settledMegabytes(first.server);
    await end(first.server);
    const second = await startServer(version, dataDir);
    const restartMemory = await settledMegabytes(second.server);
    await chat(second.server);
    const chatMemory = await settledMegabytes(second.server);
    await end(second.server);
    return { firstStart: first.seconds, restart: second.seconds, firstMemory, restartMemory, chatMemory };
  } finally {
    await rm(dataDir, { recursive: true });
  }
}

async function startServer(version: string, dataDir: string): Promise<{ server: Measured; seconds: number }> {
  const begin = performance.now();
  const environment = { DATA_DIR: dataDir, RATE_LIMITS: 'off', SECURITY_LOG: 'off', HOST: '127.0.0.1', PORT: '0' };
  const server = await start(
    [process.execPath, ...programOf(version)],
    /ready.*? at (https?:\/\/\w+:\d+)/,
    environment,
  );
  return { server, seconds: (performance.now() - begin) / 1_000 };
}

/** Returns the arguments that `npm start` of a version passes to Node, with the path of its program. */
function programOf(version: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(version, 'package.json'), 'utf8')) as { scripts: { start: string } };
  const args = scripts.start.split(' ').slice(1);
  return [...args.slice(0, -1), resolve(version, args.at(-1) ?? '')];
}

async function settledMegabytes({ child }: Measured): Promise<number> {
  const samples: number[] = [];
  while (samples.length < maxSettleSeconds) {
    await setTimeout(1_000);
    samples.push(residentKb(child.pid ?? 0) / 1_024);
    const recent = samples.slice(-settledSeconds);
    if (recent.length === settledSeconds && Math.max(...recent) < Math.min(...recent) * 1.01) break;
  }
  return samples.at(-1) ?? 0;
}

/** Sends messages between pairs of guests. A pair sends its next message when every pair's last one is acknowledged. */
async function chat(server: Measured): Promise<void> {
  const url = new URL(server.ready[1]?.replace('localhost', '127.0.0.1') ?? '');
  const pairs = await openPairs({ gateway: { url }, backstage: url }, pairCount);
  for (let n = 0; n < messagesPerPair; n++) await pairs.talkAt(sendRate, pairCount / sendRate);
  await pairs.verify();
  pairs.close();
}

/** Ends a server as Ctrl-C does. */
async function end({ child }: Measured): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

function report(measured: ReadonlyMap<string, readonly Figures[]>): string {
  const head = [
    '',
    'first start, s',
    'restart, s',
    'MB after the first start',
    'MB after a restart',
    'MB after 500 messages',
  ];
  const keys = ['firstStart', 'restart', 'firstMemory', 'restartMemory', 'chatMemory'] as const;
  const rows = [...measured].map(([name, figures]) => [
    name,
    ...keys.map((key) => round(median(figures.map((one) => one[key])))),
  ]);
  return table(head, rows);
}
