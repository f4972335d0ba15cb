import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { printTable, type Row } from '../../support/table.ts';
import { startWorker, type Worker } from '../../support/worker.ts';
import { measureCost } from '../measure.ts';
import { watchPauses } from '../pauses.ts';
import type { Seeds } from '../seeds.ts';
import type { Target } from '../target.ts';
import type { Effort, Order } from './attacker.ts';
import { type Bystander, createBystander, type Sends } from './bystander.ts';
import { floods } from './list.ts';

const floodMs = 2_000;
const quietMs = 1_000;
/** Factor by which the median of others' sends may rise under a flood, and the least median that it is compared with. */
const maxFactor = 5;
const leastQuietMs = 10;

/** Floods a running server, and compares the times of a bystander's messages with those before. */
export function describeFloods(name: string, target: () => Target, seeds: () => Seeds): void {
  const rows: Row[] = [];
  let attacker: Worker<Order, Effort>;
  let bystander: Bystander;
  let quiet: Sends;

  describe('floods', () => {
    beforeAll(async () => {
      attacker = await startWorker('test/attack/floods/attacker.ts');
      bystander = await createBystander(target().url);
      await bystander.sendUntil(setTimeout(quietMs));
      quiet = await bystander.sendUntil(setTimeout(quietMs));
      rows.push(toRow('none', quiet, { attempts: 0, sentBytes: 0, receivedBytes: 0, cpuMs: 0 }, 0, 0, 0));
    });
    afterAll(() => {
      attacker?.stop();
      bystander?.leave();
      printTable(
        `Floods of ${floodMs / 1_000} s (${name}; median of sends at most ${maxFactor} × the quiet one)`,
        rows,
      );
    });

    test.each(floods)('$name', { retry: 2 }, async (flood) => {
      const logged = target().errors().length;
      const stopWatching = watchPauses(target());
      const { cost, result } = await measureCost(target().pids, async () => {
        const address = `127.0.2.${rows.length}`;
        const effort = attacker.carryOut({
          flood: flood.name,
          url: target().url,
          forMs: floodMs,
          address,
          member: seeds().member,
        });
        const [sends, spent] = await Promise.all([bystander.sendUntil(effort), effort]);
        return { sends, spent };
      });
      const { longestMs } = await stopWatching();
      rows.push(toRow(flood.name, result.sends, result.spent, cost.cpuMs, cost.peakMb, longestMs));
      expect(target().isUp()).toBe(true);
      expect(target().errors().slice(logged), 'lines of level error').toEqual([]);
      const most = maxFactor * Math.max(quiet.medianMs, leastQuietMs);
      expect(result.sends.medianMs, 'median of the sends of others, ms').toBeLessThanOrEqual(most);
    });
  });
}

function toRow(name: string, sends: Sends, effort: Effort, cpuMs: number, peakMb: number, pauseMs: number): Row {
  return {
    flood: name,
    attempts: effort.attempts,
    'sent, MB': effort.sentBytes / 2 ** 20,
    'received, MB': effort.receivedBytes / 2 ** 20,
    'CPU of the attacker, ms': effort.cpuMs,
    'CPU of the server, ms': cpuMs,
    'memory, MB': peakMb,
    'longest pause, ms': pauseMs,
    'sends: median, ms': sends.medianMs,
    'worst, ms': sends.worstMs,
    number: sends.count,
  };
}
