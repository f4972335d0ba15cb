import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createCleanup } from '../../../api/domain/cleanup/cleanup.ts';
import { type CleanupJob, onceCaughtUp } from '../../../api/domain/cleanup/job.ts';
import { databaseKinds, openDatabase, type TestDatabase } from '../../support/database.ts';
import { createTestLogger } from '../../support/logger.ts';

let database: TestDatabase;
/** Cursors with which steps were called, in order. */
let cursors: (string | null)[];
let removed: [string, number][];
let logger: ReturnType<typeof createTestLogger>;

const rest = { factor: 0, leastMs: 0 };

describe.each(databaseKinds)('the cleanup over %s', (kind) => {
  beforeAll(async () => {
    database = await openDatabase(kind);
    return () => database.stop();
  });
  beforeEach(async () => {
    await database.empty();
    [cursors, removed] = [[], []];
    logger = createTestLogger();
  });

  it('does each step of a job that is due, counts its rows, and rests for the interval', async () => {
    const cleanup = open([countTo(3)]);
    await cleanup.runOnce();
    await cleanup.runOnce();
    expect(cursors).toEqual([null, '1', '2']);
    expect(removed).toEqual(Array(3).fill(['upload', 1]));
    await pass('2 hours');
    await open([countTo(1)]).runOnce();
    expect(cursors).toEqual([null, '1', '2', null]);
  });

  it('continues in another process at the step at which one was killed, once its lease has ended', async () => {
    let kill = () => {};
    const killed = countTo(3, (cursor) => (cursor === '2' ? new Promise<never>((_, reject) => (kill = reject)) : null));
    const running = open([killed]).runOnce();
    await vi.waitFor(() => expect(cursors).toEqual([null, '1', '2']));

    await open([countTo(3)]).runOnce();
    expect(cursors).toHaveLength(3);
    await pass('3 minutes');
    await open([countTo(3)]).runOnce();
    expect(cursors).toEqual([null, '1', '2', '2']);
    kill();
    await running;
  });

  it('goes on with a round where a step had to wait, and counts the wait as age', async () => {
    let isReady = true;
    const guard = { isCaughtUp: async () => isReady };
    const job = onceCaughtUp(
      guard,
      countTo(3, (cursor) => {
        isReady = cursor !== '1';
        return null;
      }),
    );
    const cleanup = open([job]);
    await cleanup.runOnce();
    await pass('2 hours');
    await cleanup.runOnce();
    expect(cursors).toEqual([null, '1']);
    expect(cleanup.ageMs()).toBeGreaterThanOrEqual(7_200_000);
    isReady = true;
    await cleanup.runOnce();
    expect(cursors).toEqual([null, '1', '2']);
  });

  it('is done by one of several processes', async () => {
    await Promise.all(Array.from({ length: 4 }, () => open([countTo(5)]).runOnce()));
    expect(cursors).toEqual([null, '1', '2', '3', '4']);
  });

  it('alternates between jobs, and logs a failed step once without stopping the others', async () => {
    const order: string[] = [];
    const record = (name: string, fails = false): CleanupJob => ({
      ...countTo(2, () => {
        order.push(name);
        if (fails) throw new Error('unavailable');
        return null;
      }),
      name,
    });
    const cleanup = open([record('one'), record('two', true), record('three')]);
    await cleanup.runOnce();
    expect(order).toEqual(['one', 'two', 'three', 'one', 'three']);
    expect(logger.lines.map(({ facts }) => (facts as { job: string }).job)).toEqual(['two']);
    await cleanup.runOnce();
    expect(order.slice(5)).toEqual(['two']);
  });

  it('stops after the step that is under way, and gives up its lease', async () => {
    let finish: () => void = () => {};
    const slow = countTo(3, () => new Promise<null>((resolve) => (finish = () => resolve(null))));
    const cleanup = open([slow], { tickMs: 1 });
    cleanup.start();
    await vi.waitFor(() => expect(cursors).toEqual([null]));
    const stopped = cleanup.stop();
    finish();
    await stopped;
    await open([countTo(3)]).runOnce();
    expect(cursors).toEqual([null, '1', '2']);
  });

  it('runs periodically, and knows how long its oldest job has waited', async () => {
    const cleanup = open([{ ...countTo(1), intervalMs: 0 }], { tickMs: 1 });
    cleanup.start();
    await vi.waitFor(() => expect(cursors.length).toBeGreaterThan(2));
    await cleanup.stop();
    expect(logger.lines).toEqual([]);

    await pass('2 hours');
    const failing = { ...countTo(1, () => Promise.reject(new Error('unavailable'))), intervalMs: 0 };
    const late = open([failing]);
    await late.runOnce();
    expect(late.ageMs()).toBeGreaterThanOrEqual(7_200_000);
    await open([{ ...countTo(1), intervalMs: 0 }]).runOnce();
    await late.runOnce();
    expect(late.ageMs()).toBeLessThan(7_200_000);
  });
});

function open(jobs: CleanupJob[], options: { tickMs?: number } = {}) {
  return createCleanup({
    database,
    jobs,
    onRemoved: (table, rows) => removed.push([table, rows]),
    rest,
    logger,
    ...options,
  });
}

/** Creates a job of some steps. @param work called in each step, with its cursor */
function countTo(steps: number, work: (cursor: string | null) => unknown = () => null): CleanupJob {
  return {
    name: 'counting',
    intervalMs: 3_600_000,
    async step(cursor) {
      cursors.push(cursor);
      await work(cursor);
      const done = Number(cursor) + 1;
      return { next: done < steps ? String(done) : null, removed: { upload: 1 } };
    },
  };
}

/** Moves everything that the database remembers into the past. */
async function pass(time: string): Promise<void> {
  await database.query('UPDATE lease SET expires_at = expires_at - $1::interval', [time]);
  await database.query(
    `UPDATE cleanup_job SET created_at = created_at - $1::interval, completed_at = completed_at - $1::interval`,
    [time],
  );
}
