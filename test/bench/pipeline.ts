import { percentile } from '../support/percentile.ts';
import type { BenchOptions } from './options.ts';
import { type Parley, type Services, startDistributed, startEmbedded, startServices } from './parley.ts';
import { measureKafka, measurePgbench } from './pipeline/baselines.ts';
import { type Action, openPairs, type Pairs } from './pipeline/pairs.ts';
import { cpuOfTree } from './processes.ts';
import { circumstances, median, round, table, write } from './report.ts';

/** Changes that are acknowledged at full speed. */
interface Throughput {
  /** Number per second. */
  rate: number;
  /** CPU time of each process for one of them, in microseconds. */
  cpu: Record<string, number>;
}

/** Figures of one way of running Parley. */
interface Figures extends Throughput {
  /** Edits, one after another of the last message of each sender. */
  edits: Throughput;
  /** Reactions that come and go, of each sender to the own last message. */
  reactions: Throughput;
  full: Delays;
  paced: Delays;
}

/** Times since the send, in milliseconds. */
interface Delays {
  acknowledged: [p50: number, p99: number];
  delivered: [p50: number, p99: number];
}

const pairCount = 200;
const pacedRate = 100;

/** Measures the path of a message from its sender to the acknowledgement and to its reader. */
export async function run({ seconds, rounds, only }: BenchOptions): Promise<void> {
  const services = await startServices();
  try {
    const isSelected = (mode: string) => only.length === 0 || only.includes(mode);
    const [embedded, distributed, rows, kafka]: [Figures[], Figures[], number[], number[]] = [[], [], [], []];
    for (let n = 0; n < rounds; n++) {
      rows.push(await measurePgbench(services, seconds));
      kafka.push(await measureKafka(services, pacedRate, seconds / 2));
      if (isSelected('embedded')) embedded.push(await measureParley(await startEmbedded(), {}, seconds));
      if (isSelected('distributed'))
        distributed.push(await measureParley(await startDistributed(services), pidsOf(services), seconds));
      print(JSON.stringify([embedded.at(-1), distributed.at(-1), rows.at(-1), kafka.at(-1)]));
    }
    const body = [circumstances(), ...report({ embedded, distributed }, median(rows), median(kafka))].join('\n\n');
    print(body);
    if (only.length === 0) await write('pipeline', body);
  } finally {
    await services.stop();
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function pidsOf({ kafka, redis, postgres }: Services): Record<string, number> {
  return { kafka: kafka.pid, redis: redis.pid, postgres: postgres.pid };
}

async function measureParley(parley: Parley, others: Record<string, number>, seconds: number): Promise<Figures> {
  try {
    const pairs = await openPairs(parley, pairCount);
    await pairs.talk(seconds / 2);
    const figures = await measure(pairs, { ...parley.pids, ...others }, seconds);
    await pairs.verify();
    pairs.close();
    return figures;
  } finally {
    await parley.stop();
  }
}

async function measure(pairs: Pairs, pids: Record<string, number>, seconds: number): Promise<Figures> {
  pairs.clear();
  const sends = await measureThroughput(pairs, pids, seconds, 'send');
  const full = delaysOf(pairs);
  pairs.clear();
  await pairs.talkAt(pacedRate, seconds);
  await pairs.verify();
  const paced = delaysOf(pairs);
  const edits = await measureThroughput(pairs, pids, seconds, 'edit');
  const reactions = await measureThroughput(pairs, pids, seconds, 'react');
  return { ...sends, edits, reactions, full, paced };
}

async function measureThroughput(
  pairs: Pairs,
  pids: Record<string, number>,
  seconds: number,
  action: Action,
): Promise<Throughput> {
  const before = cpuOfAll(pids);
  const begin = performance.now();
  const count = await pairs.talk(seconds, action);
  const took = (performance.now() - begin) / 1_000;
  const after = cpuOfAll(pids);
  const cpu = Object.keys(pids).map((name) => [name, ((after[name] ?? 0) - (before[name] ?? 0)) / count]);
  return { rate: count / took, cpu: Object.fromEntries(cpu) };
}

function cpuOfAll(pids: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuOfTree(pid)]));
}

function delaysOf({ delays }: Pairs): Delays {
  const of = (values: readonly number[]): [number, number] => [percentile(values, 0.5), percentile(values, 0.99)];
  return { acknowledged: of(delays.acknowledged), delivered: of(delays.delivered) };
}

function report(measured: Record<string, Figures[]>, rows: number, kafka: number): string[] {
  const modes = Object.entries(measured).filter(([, figures]) => figures.length > 0);
  const of = (figures: readonly Figures[], read: (one: Figures) => number) => round(median(figures.map(read)));
  const total = ({ cpu }: Throughput) => Object.values(cpu).reduce((sum, one) => sum + one, 0);
  const head = ['', 'acknowledged/s', 'of pgbench', 'CPU, µs per message', 'to acknowledgement, ms', 'to delivery, ms'];
  const latency = (figures: readonly Figures[], of: (one: Figures) => [number, number]) =>
    `${round(median(figures.map((one) => of(one)[0])))} / ${round(median(figures.map((one) => of(one)[1])))}`;
  const lines = modes.map(([mode, figures]) => [
    mode,
    of(figures, ({ rate }) => rate),
    of(figures, ({ rate }) => rate / rows),
    of(figures, total),
    latency(figures, ({ full }) => full.acknowledged),
    latency(figures, ({ full }) => full.delivered),
  ]);
  const paced = modes.map(([mode, figures]) => [
    mode,
    latency(figures, (one) => one.paced.acknowledged),
    latency(figures, (one) => one.paced.delivered),
  ]);
  const changes = modes.flatMap(([mode, figures]) =>
    (['edits', 'reactions'] as const).map((kind) => [
      `${mode}: ${kind}`,
      of(figures, (one) => total(one[kind]) / total(one)),
      of(figures, (one) => one.rate / one[kind].rate),
      of(figures, (one) => one[kind].rate),
    ]),
  );
  const processes = modes.flatMap(([mode, figures]) =>
    Object.keys(figures[0]?.cpu ?? {}).map((name) => [`${mode}: ${name}`, of(figures, ({ cpu }) => cpu[name] ?? 0)]),
  );
  return [
    `pgbench alone, 16 clients, one row per transaction: ${round(rows)} per second. Kafka alone, from append to consumption at ${pacedRate} per second: ${round(kafka)} ms median. Times are p50 / p99.`,
    `**At full speed**\n\n${table(head, lines)}`,
    `**At ${pacedRate} per second**\n\n${table(['', 'to acknowledgement, ms', 'to delivery, ms'], paced)}`,
    `**Cost of one other change in sends**\n\n${table(['', 'CPU', 'time at full speed', 'acknowledged/s'], changes)}`,
    `**CPU time of each process**, microseconds per message\n\n${table(['', ''], processes)}`,
  ];
}
