import { OperationTypeNode } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schema } from '../../../schema/index.ts';
import { printTable } from '../../support/table.ts';
import { cpuMsOf } from '../measure.ts';
import { type Pauses, watchPauses } from '../pauses.ts';
import type { Target, TargetSource } from '../target.ts';
import { generateOperation } from './operations.ts';
import { createOracle, type Oracle } from './oracle.ts';
import { createRandom } from './random.ts';
import { type Numbered, sendBatch, sendOverSocket } from './senders.ts';
import { createWorld, kinds, type World } from './world.ts';

/** Operations between two new worlds: mutations change one until little is left to find. */
const perWorld = 10_000;
const perBatch = 10;
/** One of so many batches goes over a WebSocket. */
const socketShare = 6;
const concurrency = 16;
/** Longest pause of the server, in CPU time of its main thread. */
const maxPauseMs = 1_000;

/** Seed of the operations: another one plays others. */
const seed = 1;

/** Sends random operations of all kinds of viewers to a server, and checks every response. */
export function describeFuzz(name: string, createSource: () => Promise<TargetSource>, operations: number): void {
  let source: TargetSource;
  let target: Target;

  describe(`${operations} random operations (${name})`, () => {
    beforeAll(async () => {
      source = await createSource();
      target = await source.start({});
    });
    afterAll(async () => {
      await target?.stop();
      await source?.remove();
    });

    test('cause no internal error, no leak and no pause over a second', async () => {
      const [began, cpuBefore] = [performance.now(), cpuMsOf(target.pids)];
      const stopWatching = watchPauses(target);
      const { sightings, executed } = await playAll(target.url, seed, operations).finally(stopWatching);
      const pauses = await stopWatching();
      const seconds = (performance.now() - began) / 1_000;
      printTable(`Random operations (${name}, seed ${seed})`, [
        {
          operations,
          seconds,
          'CPU of the server, s': (cpuMsOf(target.pids) - cpuBefore) / 1_000,
          ...toColumns(pauses),
          sightings,
          'without errors': executed,
        },
      ]);
      expect(target.isUp()).toBe(true);
      expect(target.errors(), 'lines of level error').toEqual([]);
      expect(pauses.longestCpuMs, 'longest pause, ms').toBeLessThanOrEqual(maxPauseMs);
      expect(sightings, 'secrets seen by viewers who may see them').toBeGreaterThan(0);
      expect(executed, 'operations without errors').toBeGreaterThan(operations / 10);
    });
  });
}

function toColumns({ longestMs, longestCpuMs }: Pauses) {
  return { 'longest pause, ms': longestMs, 'CPU within it, ms': longestCpuMs };
}

/** Sends all operations, to one world after another, and adds up the counts of their checks. */
async function playAll(
  url: string,
  seed: number,
  operations: number,
): Promise<{ sightings: number; executed: number }> {
  const sum = { sightings: 0, executed: 0 };
  for (let from = 0; from < operations; from += perWorld) {
    const played = await playWorld(url, seed, from, Math.min(from + perWorld, operations));
    sum.sightings += played.sightings();
    sum.executed += played.executed();
  }
  return sum;
}

/** Sends a part of the operations to a new world. Returns its checks. */
async function playWorld(url: string, seed: number, from: number, to: number): Promise<Oracle> {
  const world = await createWorld(url);
  const oracle = createOracle(world);
  let next = from;
  const work = async () => {
    while (next < to) {
      const begin = next;
      next += perBatch;
      await playBatch({ url, seed, world, oracle }, begin, Math.min(begin + perBatch, to));
      if (begin % 200 === 0) await world.whisper();
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return oracle;
}

interface Run {
  url: string;
  seed: number;
  world: World;
  oracle: Oracle;
}

/** Sends some operations of one viewer together. */
async function playBatch({ url, seed, world, oracle }: Run, begin: number, end: number): Promise<void> {
  const batch = begin / perBatch;
  const kind = kinds[batch % kinds.length] ?? 'nobody';
  const overSocket = Math.floor(batch / kinds.length) % socketShare === 0;
  const operations = Array.from({ length: end - begin }, (_, n) => generate(seed, begin + n, world, overSocket));
  const check = (sent: readonly Numbered[], response: string) => {
    const fault = oracle.check(kind, JSON.stringify(sent), response);
    if (fault)
      throw new Error(
        `${fault}\nseed ${seed}, viewer "${kind}"\n${sent.map(describeOperation).join('\n')}\n${response}`,
      );
  };
  const token = world.tokens[kind];
  if (overSocket) {
    const faults: unknown[] = [];
    await sendOverSocket(url, operations, token, (operation, text) => {
      try {
        check([operation], text);
      } catch (fault) {
        faults.push(fault);
      }
    });
    if (faults.length > 0) throw faults[0];
    return;
  }
  const responses = await sendBatch(url, operations, token).catch((cause: unknown) => {
    throw new Error(`seed ${seed}, viewer "${kind}"\n${operations.map(describeOperation).join('\n')}`, { cause });
  });
  if (responses.length < operations.length) return check(operations, responses.join('\n'));
  for (const [n, operation] of operations.entries()) check([operation], responses[n] ?? '');
}

/** Generates an operation. Each kind of viewers runs the same documents, with other values. */
function generate(seed: number, index: number, world: World, overSocket: boolean): Numbered {
  const round = perBatch * kinds.length;
  const random = createRandom(seed, index - (index % round) + (index % perBatch));
  const roll = random.int(10);
  const { QUERY, MUTATION, SUBSCRIPTION } = OperationTypeNode;
  const type = overSocket && roll < 4 ? SUBSCRIPTION : roll < 8 ? QUERY : MUTATION;
  const choices = { random, values: createRandom(~seed, index) };
  return { ...generateOperation(choices, schema, type, world.idsFor), index };
}

function describeOperation({ index, query, variables }: Numbered): string {
  return `operation ${index}: ${query}\nvariables: ${JSON.stringify(variables)}`;
}
