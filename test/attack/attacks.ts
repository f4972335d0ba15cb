import { afterAll, beforeAll, describe } from 'vitest';
import { describeFloods } from './floods/floods.ts';
import { type Seeds, seed } from './seeds.ts';
import { describeSingleRequests } from './single/single.ts';
import type { Target, TargetSource } from './target.ts';

/** Attacks a started server with default settings, and reports the cost to both sides. */
export function describeAttacks(name: string, createSource: () => Promise<TargetSource>): void {
  let source: TargetSource;
  let target: Target;
  let seeds: Seeds;

  describe(name, () => {
    beforeAll(async () => {
      source = await createSource();
      const quiet = await source.start({});
      seeds = await seed(quiet.url);
      await quiet.stop();
      target = await source.start({ RATE_LIMITS: 'on' });
    });
    afterAll(async () => {
      await target?.stop();
      await source?.remove();
    });

    describeSingleRequests(
      name,
      () => target,
      () => seeds,
    );
    describeFloods(
      name,
      () => target,
      () => seeds,
    );
  });
}
