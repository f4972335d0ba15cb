import { setTimeout } from 'node:timers/promises';
import { percentile } from '../../support/percentile.ts';
import { cpuOf, residentKb } from '../processes.ts';
import type { Wire } from '../wire.ts';
import type { Profile } from './profiles.ts';
import type { Target } from './target.ts';

/** Figures of one measurement. */
export interface Figures {
  /** Deliveries per second. */
  rate: number;
  /** CPU time of the server per delivery, in microseconds. */
  cpu: number;
  /** Time from send to delivery, in milliseconds. */
  p50: number;
  p99: number;
  worst: number;
}

/** Subscribers of a target, as a profile describes them, and their deliveries. */
export interface Crowd {
  delivered(): number;
  delays(): number[];
  clear(): void;
  close(): void;
  size: number;
}

const mark = Buffer.from('T=');
const stampLength = 14;
/** Number of deliveries of which the delay of one is measured. */
const sampleInterval = 17;

/** Connects all subscribers, and waits until a message in each room has reached every one of them. */
export async function connectCrowd(target: Target, profile: Profile): Promise<Crowd> {
  const wires: Wire[] = [];
  let delivered = 0;
  let delays: number[] = [];
  const onDeliveries = (count: number, text: Buffer) => {
    const before = delivered;
    delivered += count;
    if (Math.floor(before / sampleInterval) !== Math.floor(delivered / sampleInterval)) {
      const at = text.indexOf(mark);
      if (at >= 0) delays.push(performance.now() - Number(text.toString('latin1', at + 2, at + 2 + stampLength)));
    }
  };
  const batchSize = 50;
  for (let n = 0; n < profile.connections; n += batchSize) {
    const some = Array.from({ length: Math.min(batchSize, profile.connections - n) }, (_, k) =>
      target.follow(n + k, onDeliveries),
    );
    wires.push(...(await Promise.all(some)));
  }
  const crowd: Crowd = {
    delivered: () => delivered,
    delays: () => delays,
    clear() {
      delivered = 0;
      delays = [];
    },
    close() {
      for (const wire of wires) wire.close();
    },
    size: wires.length,
  };
  await settle(target, profile, crowd);
  return crowd;
}

/** Waits until every subscription is live: messages before that reach only some subscribers. */
async function settle(target: Target, profile: Profile, crowd: Crowd): Promise<void> {
  const all = profile.rooms * profile.followers;
  for (let attempt = 0; attempt < 20; attempt++) {
    await setTimeout(500);
    crowd.clear();
    for (let room = 0; room < profile.rooms; room++) target.publish(room, stamp());
    for (let wait = 0; wait < 40 && crowd.delivered() < all; wait++) await setTimeout(50);
    if (crowd.delivered() >= all) return;
  }
  throw new Error(`${target.name}: ${crowd.delivered()} of ${all} subscriptions are live`);
}

/** Creates a text that contains the current time. */
function stamp(): string {
  return `T=${performance.now().toFixed(3).padStart(stampLength, '0')} and the rest of the message`;
}

/**
 * Sends for some seconds, waits until every message is delivered, and returns the figures.
 * @param rate messages per second; null sends as fast as possible with a limited number of deliveries in flight
 * @throws Error if a message is not delivered
 */
export async function measure(
  target: Target,
  profile: Profile,
  crowd: Crowd,
  { seconds, rate }: { seconds: number; rate: number | null },
): Promise<Figures> {
  crowd.clear();
  const [cpu, begin] = [cpuOf(target.pid), performance.now()];
  const end = begin + seconds * 1_000;
  const maxInFlight = profile.window * profile.followers;
  let sent = 0;
  const maySend = () =>
    rate === null
      ? sent * profile.followers - crowd.delivered() < maxInFlight
      : sent < ((performance.now() - begin) / 1_000) * rate;
  while (performance.now() < end) {
    while (maySend()) target.publish(sent++ % profile.rooms, stamp());
    await (rate === null ? new Promise(setImmediate) : setTimeout(1));
  }
  const expected = sent * profile.followers;
  for (let wait = 0; wait < 2_000 && crowd.delivered() < expected; wait++) await setTimeout(5);
  if (crowd.delivered() !== expected)
    throw new Error(`${target.name}: ${crowd.delivered()} of ${expected} were delivered`);
  const took = (performance.now() - begin) / 1_000;
  const delays = crowd.delays();
  return {
    rate: expected / took,
    cpu: (cpuOf(target.pid) - cpu) / expected,
    p50: percentile(delays, 0.5),
    p99: percentile(delays, 0.99),
    worst: percentile(delays, 1),
  };
}

/** Measures resident kilobytes per idle connection. */
export async function measureMemory(target: Target, profile: Profile): Promise<number> {
  const before = await restingKb(target.pid);
  const crowd = await connectCrowd(target, profile);
  const after = await restingKb(target.pid);
  crowd.close();
  return (after - before) / profile.connections;
}

/** Reads the memory of a process once it no longer shrinks: an idle process collects garbage slowly. */
async function restingKb(pid: number): Promise<number> {
  await setTimeout(10_000);
  for (let attempt = 0; attempt < 12; attempt++) {
    const before = residentKb(pid);
    await setTimeout(5_000);
    if (residentKb(pid) > before * 0.99) break;
  }
  return residentKb(pid);
}
