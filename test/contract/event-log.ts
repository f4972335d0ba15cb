import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Batch, Consumption, EventLog, LogHandler, LogRecord } from '../../api/infra/event-log/event-log.ts';

/** Log under test: empty, with several partitions. */
export interface LogUnderTest {
  log: EventLog;
  dispose(): Promise<void>;
}

/** Describes the behavior that every event log shares. */
export function describeEventLog(name: string, create: () => Promise<LogUnderTest>): void {
  describe(`the event log ${name}`, () => {
    let under: LogUnderTest;
    let consumptions: Consumption[];

    beforeEach(async () => {
      under = await create();
      consumptions = [];
    });
    afterEach(async () => {
      await Promise.all(consumptions.map((one) => one.stop()));
      await under.dispose();
    });

    async function consume(handle: LogHandler['handle'], from: (partition: number) => bigint = () => 0n) {
      const consumption = await under.log.consume({ assigned: async (partition) => from(partition), handle });
      consumptions.push(consumption);
      return consumption;
    }

    test('delivers the records of one key in the order of their appends', async () => {
      const seen = new Map<string, string[]>();
      await consume(async (batch) => {
        for (const { key, value } of batch.records) seen.set(key, [...(seen.get(key) ?? []), text(value)]);
        return nextOf(batch);
      });

      await Promise.all(Array.from({ length: 60 }, (_, n) => under.log.append(record(`key ${n % 3}`, String(n)))));

      await vi.waitFor(() => expect([...seen.values()].flat()).toHaveLength(60));
      for (const [key, values] of seen) {
        expect(values).toEqual(Array.from({ length: 20 }, (_, n) => String(n * 3 + Number(key.at(-1)))));
      }
    });

    test('keeps the value and headers of a record', async () => {
      const seen: Batch['records'][number][] = [];
      await consume(async (batch) => {
        seen.push(...batch.records);
        return nextOf(batch);
      });

      await under.log.append({ key: 'k', value: Buffer.from([0, 255, 128]), headers: { one: 'ö' } });

      await vi.waitFor(() => expect(seen).toHaveLength(1));
      expect(Buffer.from(seen[0]?.value ?? [])).toEqual(Buffer.from([0, 255, 128]));
      expect(seen[0]?.headers).toEqual({ one: 'ö' });
    });

    test('redelivers a batch after its handler failed, before any later batch', async () => {
      const seen: string[] = [];
      let failures = 3;
      await consume(async (batch) => {
        if (failures-- > 0) throw new Error('not now');
        seen.push(...batch.records.map(({ value }) => text(value)));
        return nextOf(batch);
      });

      await Promise.all(['a', 'b', 'c'].map((value) => under.log.append(record('k', value))));

      await vi.waitFor(() => expect(seen).toEqual(['a', 'b', 'c']));
    });

    test('continues at the offset that the handler returns, even an earlier one', async () => {
      const offsets: bigint[] = [];
      let again = true;
      await consume(async (batch) => {
        offsets.push(...batch.records.map(({ offset }) => offset));
        if (!again || offsets.length < 4) return nextOf(batch);
        again = false;
        return 1n;
      });

      for (const value of ['a', 'b', 'c', 'd']) await under.log.append(record('k', value));

      await vi.waitFor(() => expect(offsets.map(Number)).toEqual([0, 1, 2, 3, 1, 2, 3]));
    });

    test('begins at the offset that the consumer returns', async () => {
      const values: string[] = [];
      const first = await consume(async (batch) => nextOf(batch));
      for (const value of ['a', 'b', 'c']) await under.log.append(record('k', value));
      await first.stop();

      await consume(
        async (batch) => {
          values.push(...batch.records.map(({ value }) => text(value)));
          return nextOf(batch);
        },
        () => 1n,
      );

      await vi.waitFor(() => expect(values).toEqual(['b', 'c']));
    });

    test('asks for the first offset until it gets one, and delivers nothing before', async () => {
      let asked = 0;
      const values: string[] = [];
      const handler: LogHandler = {
        async assigned() {
          asked++;
          if (asked < 3) throw new Error('the database is unavailable');
          return 0n;
        },
        async handle(batch) {
          expect(asked).toBeGreaterThanOrEqual(3);
          values.push(...batch.records.map(({ value }) => text(value)));
          return nextOf(batch);
        },
      };
      consumptions.push(await under.log.consume(handler));

      void under.log.append(record('k', 'a'));

      await vi.waitFor(() => expect(values).toEqual(['a']));
    });

    test('shares the partitions among consumers, and reassigns those of a consumer that stops', async () => {
      const seen = new Map<string, Set<string>>();
      const next = new Map<number, bigint>();
      const handlerOf = (consumer: string) => async (batch: Batch) => {
        for (const { key } of batch.records) seen.set(consumer, (seen.get(consumer) ?? new Set()).add(key));
        next.set(batch.partition, nextOf(batch));
        return nextOf(batch);
      };
      const stands = (partition: number) => next.get(partition) ?? 0n;
      const one = await consume(handlerOf('one'), stands);
      await consume(handlerOf('two'), stands);
      const keys = Array.from({ length: 40 }, (_, n) => `key ${n}`);

      await vi.waitFor(async () => {
        await Promise.all(keys.map((key) => under.log.append(record(key, 'x'))));
        expect(seen.get('one')?.size).toBeGreaterThan(0);
        expect(seen.get('two')?.size).toBeGreaterThan(0);
      });
      await one.stop();
      seen.clear();
      await Promise.all(keys.map((key) => under.log.append(record(key, 'y'))));

      await vi.waitFor(() => expect(seen.get('two')?.size).toBe(keys.length));
      expect(seen.has('one')).toBe(false);
    });

    test('names the partition of a key, and describes the ranges of its partitions', async () => {
      const partition = await under.log.partitionOf('k');
      await consume(async (batch) => nextOf(batch));
      await under.log.append(record('k', 'a'));

      await vi.waitFor(async () => {
        const { partitions, bounds } = await under.log.describe();
        expect(partitions).toBe(await under.log.partitions());
        expect(bounds.get(partition)).toEqual({ begin: 0n, end: 1n });
      });
    });

    test('reports that it is ready', async () => {
      await expect(under.log.ready()).resolves.toBeUndefined();
    });
  });
}

/** Creates a record whose value is a text. */
export function record(key: string, value: string): LogRecord {
  return { key, value: Buffer.from(value), headers: {} };
}

/** Returns the offset after a batch. */
export function nextOf({ records }: Batch): bigint {
  return (records.at(-1)?.offset ?? -1n) + 1n;
}

function text(value: Uint8Array): string {
  return Buffer.from(value).toString();
}
