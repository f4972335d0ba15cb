import { setTimeout } from 'node:timers/promises';
import { type Parley, type Services, startDistributed } from '../parley.ts';
import { openPairs, type Pairs } from '../pipeline/pairs.ts';
import { cpuOf } from '../processes.ts';
import { median, round, table } from '../report.ts';

/** Figures of one round, in microseconds of CPU. */
interface Figures {
  /** Of a gateway whose users are silent, for each message that others send elsewhere. */
  foreign: number;
  /** Of all gateways, for each message: everybody at one gateway, and half of the users at each of two. */
  one: number;
  two: number;
}

const pairCount = 200;
const silentPairs = 50;

/**
 * Measures the cost of a message for a gateway where nobody follows its channel, and whether two gateways with different users
 * share the work. The machine has few cores, so that the CPU time of a message tells more than a rate.
 */
export async function measureGateways(services: Services, seconds: number, rounds: number): Promise<string> {
  const figures: Figures[] = [];
  for (let n = 0; n < rounds; n++) {
    const parley = await startDistributed(services);
    try {
      figures.push(await measureOnce(parley, seconds));
    } finally {
      await parley.stop();
    }
    process.stdout.write(`${JSON.stringify(figures.at(-1))}\n`);
  }
  const of = (key: keyof Figures) => round(median(figures.map((one) => one[key])));
  const rows = [
    ['at full speed elsewhere, for each', of('foreign')],
    ['both gateways for each message, all users at one', of('one')],
    ['both gateways for each message, half of the users at each', of('two')],
  ];
  return `**Gateways beside each other**, microseconds of CPU time\n\n${table(['', 'µs'], rows)}`;
}

async function measureOnce(parley: Parley, seconds: number): Promise<Figures> {
  const elsewhere = { gateway: { url: parley.backstage }, backstage: parley.backstage };
  const silent = await openPairs(parley, silentPairs);
  const foreign = await openPairs(elsewhere, pairCount);
  await foreign.talk(seconds);
  const costOfTalk = await costOfForeign(parley, seconds, foreign);
  await foreign.verify();
  const here = await openPairs(parley, pairCount);
  const one = await costOfMessages(parley, seconds, [here]);
  const half = [await openPairs(parley, pairCount / 2), await openPairs(elsewhere, pairCount / 2)];
  const two = await costOfMessages(parley, seconds, half);
  for (const pairs of [silent, foreign, here, ...half]) pairs.close();
  return { foreign: costOfTalk, one, two };
}

/**
 * Returns the CPU time of the gateway for each message of others, beyond its CPU time at rest. They talk at full speed: at a low
 * rate the differences between two times at rest, divided by few messages, exceed the figure.
 */
async function costOfForeign({ gateway }: Parley, seconds: number, pairs: Pairs): Promise<number> {
  const pid = gateway.child.pid ?? 0;
  const rest = () => usedDuring(pid, () => setTimeout((seconds / 2) * 1_000));
  const before = await rest();
  let sent = 0;
  const busy = await usedDuring(pid, async () => {
    sent = await pairs.talk(seconds);
  });
  const after = await rest();
  const atRest = (before.cpu + after.cpu) / (before.ms + after.ms);
  return (busy.cpu - atRest * busy.ms) / sent;
}

/** Returns the CPU time of a process in microseconds while some work is done elsewhere, and the work's duration. */
async function usedDuring(pid: number, work: () => Promise<unknown>): Promise<{ cpu: number; ms: number }> {
  const [before, began] = [cpuOf(pid), performance.now()];
  await work();
  return { cpu: cpuOf(pid) - before, ms: performance.now() - began };
}

/** Returns the CPU time of both gateways for each message of all pairs, which talk at full speed. */
async function costOfMessages(parley: Parley, seconds: number, groups: readonly Pairs[]): Promise<number> {
  const cpu = () => cpuOf(parley.gateway.child.pid ?? 0) + cpuOf(parley.backstagePid);
  await Promise.all(groups.map((pairs) => pairs.talk(seconds / 2)));
  const before = cpu();
  const counts = await Promise.all(groups.map((pairs) => pairs.talk(seconds)));
  const used = cpu() - before;
  for (const pairs of groups) await pairs.verify();
  return used / counts.reduce((sum, count) => sum + count, 0);
}
