import { writeFile } from 'node:fs/promises';
import { drawBars } from './fanout/chart.ts';
import { connectCrowd, type Figures, measure, measureMemory } from './fanout/measure.ts';
import { startParley } from './fanout/parley.ts';
import { hasGo, peers, startPeer, versions } from './fanout/peers.ts';
import { oneRoom, type Profile, profiles } from './fanout/profiles.ts';
import type { Target } from './fanout/target.ts';
import type { BenchOptions } from './options.ts';
import { type Services, startServices } from './parley.ts';
import { circumstances, median, page, round, table, write } from './report.ts';

/** Figures of one target in one profile: at full speed, and at a fixed rate. */
interface Row {
  full: Figures[];
  paced: Figures[];
}

const parleys = ['Parley', 'Parley embedded'];

/** Compares the cost of delivering a message to many clients with that of Parley's peers. */
export async function run(options: BenchOptions): Promise<void> {
  const services = await startServices();
  try {
    const body = [`${circumstances()}\n${versions()}`, ...(await measureAll(options, services))].join('\n\n');
    print(body);
    if (options.only.length + options.parts.length === 0) await write('fanout', body);
  } finally {
    await services.stop();
  }
}

async function measureAll({ seconds, rounds, only, parts }: BenchOptions, services: Services): Promise<string[]> {
  const names = [...parleys, ...Object.keys(peers)].filter((name) => only.length === 0 || only.includes(name));
  const available = names.filter((name) => name !== 'Centrifuge' || hasGo());
  if (available.length < names.length) print('Centrifuge is left out because there is no Go compiler.');
  const isSelected = (part: string) => parts.length === 0 || parts.includes(part);
  const sections = [];
  for (const profile of profiles.filter(({ name }) => isSelected(name))) {
    sections.push(await compare(available, profile, services, { seconds, rounds }));
  }
  if (isSelected('memory')) sections.push(await compareMemory(available, services));
  if (isSelected('scale')) sections.push(await measureGrowingRoom(services, seconds));
  return sections;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function startTarget(name: string, profile: Profile, services: Services): Promise<Target> {
  if (name === parleys[0]) return startParley(profile, services);
  return name === parleys[1] ? startParley(profile, null) : startPeer(name, profile);
}

/** Runs some work on a new target, and stops the target afterwards. */
async function withTarget<Result>(
  name: string,
  profile: Profile,
  services: Services,
  work: (target: Target) => Promise<Result>,
): Promise<Result> {
  const target = await startTarget(name, profile, services);
  try {
    return await work(target);
  } finally {
    await target.stop();
  }
}

async function compare(
  names: readonly string[],
  profile: Profile,
  services: Services,
  { seconds, rounds }: { seconds: number; rounds: number },
): Promise<string> {
  const rows = new Map(names.map((name): [string, Row] => [name, { full: [], paced: [] }]));
  for (let n = 0; n < rounds; n++) {
    for (const [name, row] of rows) {
      await withTarget(name, profile, services, async (target) => {
        const crowd = await connectCrowd(target, profile);
        await measure(target, profile, crowd, { seconds: seconds / 2, rate: null });
        row.full.push(await measure(target, profile, crowd, { seconds, rate: null }));
        row.paced.push(await measure(target, profile, crowd, { seconds, rate: profile.rate }));
        crowd.close();
      });
      print(`${profile.name} ${n + 1}/${rounds} ${name}: ${JSON.stringify([row.full.at(-1), row.paced.at(-1)])}`);
    }
  }
  if (profile.name === 'room' && names.length > 2) await draw(rows);
  return section(profile, rows);
}

function section({ title, rate, followers }: Profile, rows: ReadonlyMap<string, Row>): string {
  const of = (figures: readonly Figures[], key: keyof Figures) => round(median(figures.map((one) => one[key])));
  const head = [
    '',
    'deliveries/s',
    'CPU, µs each',
    `at ${rate * followers}/s: CPU, µs`,
    'p50, ms',
    'p99, ms',
    'worst, ms',
  ];
  const lines = [...rows].map(([name, { full, paced }]) => [
    name,
    of(full, 'rate'),
    of(full, 'cpu'),
    of(paced, 'cpu'),
    of(paced, 'p50'),
    of(paced, 'p99'),
    of(paced, 'worst'),
  ]);
  return `**${title[0]?.toUpperCase()}${title.slice(1)}**\n\n${table(head, lines)}`;
}

async function draw(rows: ReadonlyMap<string, Row>): Promise<void> {
  const bars = [...rows].map(([name, { full }]) => ({ name, value: median(full.map(({ cpu }) => cpu)) }));
  const title = 'CPU time of the server for each delivery, one room of 1,000';
  await writeFile(page.replace(/performance\.md$/, 'fanout.svg'), drawBars(title, 'µs', bars));
}

async function compareMemory(names: readonly string[], services: Services): Promise<string> {
  const sizes = [1_000, 10_000];
  const rows = [];
  for (const name of names) {
    const kilobytes = [];
    for (const size of sizes) {
      const profile = oneRoom(size, 1, 1);
      kilobytes.push(round(await withTarget(name, profile, services, (target) => measureMemory(target, profile))));
    }
    print(`memory ${name}: ${kilobytes.join(', ')}`);
    rows.push([name, ...kilobytes]);
  }
  return `**Memory**: kilobytes resident a connection, each with one subscription\n\n${table(['', 'of 1,000', 'of 10,000'], rows)}`;
}

/** Measures the cost of a delivery as a room grows. */
async function measureGrowingRoom(services: Services, seconds: number): Promise<string> {
  const rows = [];
  for (const size of [100, 1_000, 10_000]) {
    const profile = oneRoom(size, 64, 20);
    const { cpu, rate } = await withTarget(parleys[0] ?? '', profile, services, async (target) => {
      const crowd = await connectCrowd(target, profile);
      await measure(target, profile, crowd, { seconds, rate: null });
      const figures = await measure(target, profile, crowd, { seconds, rate: null });
      crowd.close();
      return figures;
    });
    rows.push([size, round(rate), round(cpu)]);
  }
  return `**A room that grows**\n\n${table(['followers', 'deliveries/s', 'CPU, µs each'], rows)}`;
}
