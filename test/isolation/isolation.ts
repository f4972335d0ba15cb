import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { percentile } from '../support/percentile.ts';
import { printTable, type Row } from '../support/table.ts';
import { startWorker, type Worker } from '../support/worker.ts';
import type { Faults, Pairs, Spoken, Talk } from './pairs.ts';
import type { CrowdOrder, CrowdReport } from './parties/orders.ts';
import type { Seeds } from './seeds.ts';

/** Server that serves the pairs and one party at a time. */
export interface Product {
  url: string;
  seeds: Seeds;
  stop(): Promise<void>;
}

/** Server and clients of the suite, as a party finds them. */
export interface Scene<Mode extends Product> {
  product: Mode;
  pairs: Pairs;
  crowd: Worker<CrowdOrder, CrowdReport>;
}

/** Hostile or unlucky party. */
export interface Party<Mode extends Product> {
  name: string;
  /** Disturbs the server for a while, and returns a few words for the report. */
  disturb(scene: Scene<Mode>): Promise<string>;
  /**
   * Returns the channels that share a part of the server with the party by design, such as a partition. Their messages are
   * reported by themselves and may wait. By default there are none; null: all.
   */
  near?(scene: Scene<Mode>): Promise<ReadonlySet<string> | null>;
  /** Whether the server does not recover by itself. Then only acknowledged messages must be kept. */
  breaks?: true;
  /** Checks the period and the server after it. */
  check?(talk: Talk, scene: Scene<Mode>): void | Promise<void>;
}

export const partyMs = 6_000;
const quietMs = 4_000;
/** Factor by which the 99th percentile of the pairs may rise, and the least one that it is compared with, in milliseconds. */
const maxFactor = 5;
const leastQuietMs = 30;
/** Time after a party within which every message must be acknowledged and delivered. */
const maxRecoveryMs = 10_000;

/** Times of a period, in milliseconds. */
interface Times {
  p50: number;
  p99: number;
}

/** Lets pairs talk while one party at a time disturbs the server, and compares their times with those before. */
export function describeIsolation<Mode extends Product>(
  mode: string,
  open: () => Promise<Mode>,
  parties: readonly Party<Mode>[],
): void {
  const rows: Row[] = [];
  let scene: Scene<Mode>;

  describe(mode, () => {
    beforeAll(async () => {
      const product = await open();
      const crowd = await startWorker<CrowdOrder, CrowdReport>('test/isolation/parties/crowd.ts');
      scene = { product, crowd, pairs: await product.seeds.connectPairs(product.url) };
      await scene.pairs.talkUntil(setTimeout(quietMs));
    });
    afterAll(async () => {
      scene?.pairs.leave();
      scene?.crowd.stop();
      await scene?.product.stop();
      printTable(`Pairs beside one party at a time (${mode}; times are p50 / p99 in milliseconds)`, rows);
    });

    for (const party of parties) test(party.name, { retry: party.breaks ? 0 : 1 }, () => run(party));
  });

  async function run(party: Party<Mode>): Promise<void> {
    const { pairs } = scene;
    const near = party.near ? await party.near(scene) : new Set<string>();
    const quiet = await pairs.talkUntil(setTimeout(quietMs));
    const disturbed = party.disturb(scene).then((words) => ({ words, endedAt: performance.now() }));
    const talk = await (party.breaks ? pairs.tryUntil(disturbed) : pairs.talkUntil(disturbed));
    const { words, endedAt } = await disturbed;
    const recoveryMs = performance.now() - endedAt;
    const after = party.breaks ? null : await pairs.talkUntil(setTimeout(quietMs));
    const faults = await pairs.compare();
    const isNear = ({ channelId }: Spoken) => near === null || near.has(channelId);
    const [far, close] = [talk.spoken.filter((one) => !isNear(one)), talk.spoken.filter(isNear)];
    rows.push({
      ...toRow(party.name, { quiet, talk, recoveryMs, far, close, after }),
      ...faults,
      party: words,
    });
    expect(faults).toEqual({ lost: 0, repeated: 0, unordered: 0 } satisfies Faults);
    await party.check?.(talk, scene);
    expect(recoveryMs, 'time until everything was delivered').toBeLessThanOrEqual(maxRecoveryMs);
    for (const way of ways) {
      const most = maxFactor * Math.max(timesOf(quiet.spoken, way).p99, leastQuietMs);
      expect(timesOf(far, way).p99, `99th percentile: ${way}`).toBeLessThanOrEqual(most);
    }
  }
}

const ways = ['acknowledgedMs', 'deliveredMs'] as const;

function timesOf(spoken: readonly Spoken[], way: (typeof ways)[number]): Times {
  const times = spoken.map((one) => one[way]);
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

/** Messages before, during and after a party. */
interface Periods {
  quiet: Talk;
  talk: Talk;
  /** Time from the end of the party until every message of the period was delivered. */
  recoveryMs: number;
  far: Spoken[];
  close: Spoken[];
  after: Talk | null;
}

function toRow(name: string, { quiet, talk, recoveryMs, far, close, after }: Periods): Row {
  const ratio = (way: (typeof ways)[number]) => timesOf(far, way).p99 / timesOf(quiet.spoken, way).p99;
  return {
    case: name,
    'quiet: sent': show(quiet.spoken, 'acknowledgedMs'),
    'quiet: delivered': show(quiet.spoken, 'deliveredMs'),
    sent: show(far, 'acknowledgedMs'),
    delivered: show(far, 'deliveredMs'),
    'p99 × quiet': far.length === 0 ? '-' : Math.max(...ways.map(ratio)).toFixed(1),
    'near: delivered': show(close, 'deliveredMs'),
    'after: delivered': show(after?.spoken ?? [], 'deliveredMs'),
    'longest attempt': Math.round(talk.longestAttemptMs),
    failed: talk.failed,
    'recovered after': Math.round(recoveryMs),
    messages: far.length + close.length,
  };
}

function show(spoken: readonly Spoken[], way: (typeof ways)[number]): string {
  const { p50, p99 } = timesOf(spoken, way);
  return spoken.length === 0 ? '-' : `${p50.toFixed(0)} / ${p99.toFixed(0)}`;
}
