import { expect, test } from 'vitest';
import { UnavailableError } from '../../api/errors.ts';
import { createMemoryEventLog } from '../../api/infra/event-log/memory.ts';
import { createTestLogger } from '../support/logger.ts';
import { describeEventLog, nextOf, record } from './event-log.ts';

const options = { logger: createTestLogger(), retryMs: 1 };

describeEventLog('in memory', async () => {
  const log = createMemoryEventLog({ ...options, partitions: 4 });
  return { log, dispose: () => log.stop() };
});

test('an append in memory resolves only after its record was handled', async () => {
  const log = createMemoryEventLog(options);
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await log.consume({
    assigned: async () => 0n,
    handle: async (batch) => {
      await held;
      return nextOf(batch);
    },
  });
  let isAppended = false;
  const appended = log.append(record('k', 'a')).then(() => {
    isAppended = true;
  });
  await new Promise(setImmediate);
  expect(isAppended).toBe(false);

  release();
  await appended;
  await log.stop();
});

test('a log in memory begins at the offset that its first consumer returns', async () => {
  const log = createMemoryEventLog(options);
  const offsets: bigint[] = [];
  await log.consume({
    assigned: async () => 41n,
    handle: async (batch) => {
      offsets.push(...batch.records.map(({ offset }) => offset));
      return nextOf(batch);
    },
  });

  await log.append(record('k', 'a'));
  await log.append(record('k', 'b'));

  expect(offsets).toEqual([41n, 42n]);
  await log.stop();
});

test('a log in memory rejects appends above its queue limit, and queued ones when it stops', async () => {
  const log = createMemoryEventLog({ ...options, maxQueued: 2 });
  const waiting = [log.append(record('k', 'a')), log.append(record('k', 'b'))];

  await expect(log.append(record('k', 'c'))).rejects.toBeInstanceOf(UnavailableError);

  const ends = expect(Promise.all(waiting)).rejects.toBeInstanceOf(UnavailableError);
  await log.stop();
  await ends;
  await expect(log.append(record('k', 'd'))).rejects.toBeInstanceOf(UnavailableError);
});

test('a log in memory keeps a limited number of handled records, and continues past them', async () => {
  const log = createMemoryEventLog({ ...options, keep: 10 });
  const offsets: number[] = [];
  await log.consume({
    assigned: async () => 0n,
    handle: async (batch) => {
      offsets.push(...batch.records.map(({ offset }) => Number(offset)));
      return nextOf(batch);
    },
  });

  for (let n = 0; n < 100; n++) await log.append(record('k', String(n)));

  expect(offsets).toEqual(Array.from({ length: 100 }, (_, n) => n));
  await log.stop();
});

test('in memory, a consumer that stops while its partition is being assigned does stop', async () => {
  const log = createMemoryEventLog(options);
  let assign = (_offset: bigint) => {};
  const assigned = new Promise<bigint>((resolve) => {
    assign = resolve;
  });
  const consumption = await log.consume({ assigned: () => assigned, handle: async (batch) => nextOf(batch) });

  const stopped = consumption.stop();
  assign(0n);

  await stopped;
  await log.stop();
});
